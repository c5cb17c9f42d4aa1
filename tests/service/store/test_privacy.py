"""Whatever an EHR puts where, no name, number or birth date of a patient is found in the files of the store."""

import json
from pathlib import Path

import pytest

from service.errors import BadRequest
from service.feedback import parse_feedback
from service.store import AnsweredCall, CallOutcome, FeedbackWriter, IssuedCard, JtiStore, PublishedReasons, statistics
from service.store.issued_writer import write_calls
from service.store.schema import metadata

NAME, NUMBER, BORN = "Mustermann", "7733190042", "19540203"
PERSON = f"Quirina {NAME} {NUMBER} {BORN}"
MARKER = "not-now"

HOSTILE = {
    "card": PERSON,
    "outcome": "accepted",
    "outcomeTimestamp": "2026-03-04T12:00:30Z",
    "acceptedSuggestions": [{"id": NUMBER, "label": PERSON}, NAME],
    "overrideReason": {
        "reason": {"code": NUMBER, "system": f"http://{NAME}", "display": PERSON, "extension": {"x": PERSON}},
        "userComment": PERSON,
        "extension": {"com.epic.cdshooks.feedback.overrideReason.reasonDisplay": PERSON},
    },
    "overrideReasons": [{"reason": PERSON}, {"reason": [{"code": BORN}, {"code": MARKER}]}],
    "patient": {"name": PERSON, "id": NUMBER},
    PERSON: PERSON,
    "extension": {"com.epic.cdshooks.feedback.overrideReason.reasonTitle": PERSON, PERSON: 1},
}


def bytes_of_store(request, database):
    """All files, the write-ahead log and the server's own log included."""
    if database.is_sqlite:
        folder = Path(str(database.url.database)).parent
        files = [path for path in folder.rglob("*") if path.is_file()]
    else:
        with database.outside_transaction() as connection:
            connection.exec_driver_sql("CHECKPOINT")
        files = list(request.getfixturevalue("postgres").files())
    return b"".join(path.read_bytes() for path in files)


@pytest.fixture
def written(request, database, words):
    """The bytes of a store that was given hostile feedback, hook instances and tokens."""
    write_calls(
        database,
        [
            AnsweredCall(
                at=words.noon,
                client="north",
                hook="patient-view",
                outcome=CallOutcome.CARDS,
                hook_instance=f"Patient/{NUMBER}",
                cards=(IssuedCard(f"{NAME}-1", "iron", "PV-01", "info", (NAME,)),),
                shadowed=(IssuedCard(f"{NAME}-2", "review", "PV-09", "info", (NAME,)),),
            )
        ],
    )
    entries = parse_feedback(json.dumps({"feedback": [HOSTILE, HOSTILE | {"outcome": "overridden"}]}).encode())
    FeedbackWriter(database, PublishedReasons([(MARKER, "Not now")])).write_now(entries, "north", "rls")
    JtiStore(database).first_use_now(f"https://{NAME}.example", PERSON, 2e9, 1e9)
    statistics(database)
    return bytes_of_store(request, database)


def test_nothing_in_the_store_names_a_patient(written):
    words = [NAME, NAME.lower(), NAME.upper(), NUMBER, BORN, "Quirina", "Patient/"]

    assert [word for word in words if word.encode() in written or word.encode("utf-16-le") in written] == []


def test_what_was_written_can_be_found_that_way(written):
    assert MARKER.encode() in written


def test_only_a_comment_that_is_turned_on_is_found(request, database):
    writer = FeedbackWriter(database, PublishedReasons([]), keep_comments=True)
    entry = HOSTILE | {"overrideReason": {"userComment": "Rumpelstilzchen"}}
    writer.write_now(parse_feedback(json.dumps({"feedback": entry}).encode()), "north", "rls")

    assert b"Rumpelstilzchen" in bytes_of_store(request, database)


@pytest.mark.parametrize("name", [*HOSTILE])
def test_a_refusal_does_not_name_the_patient(name):
    with pytest.raises(BadRequest) as refused:
        parse_feedback(json.dumps({"feedback": [{**HOSTILE, "outcome": "other", name: [[PERSON]]}]}).encode())

    assert not any(word in f"{refused.value}{refused.value.expression}" for word in (NAME, NUMBER, BORN))


def test_no_column_is_for_a_patient():
    columns = {column.name for table in metadata.tables.values() for column in table.columns}

    assert not [name for name in columns if any(word in name for word in ("patient", "user", "encounter", "name"))]
