"""Changes folded into what is in force: for all clients, for one, and what makes no sense left out."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.adjustable import Adjustable
from service.chosen import chosen
from service.controls import Controls, InForce, Source, State
from service.store import Change

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
IRON, REVIEW = "ironStudiesDue", "medicationReview"


def change(what: str, value: str | None, client: str | None = None, number: int = 1) -> Change:
    return Change(id=number, at=NOON, by="A. Safety", client=client, what=what, value=value, reason="wrong advice")


def controls(adjustable: Adjustable, *changes: Change, **state: Any) -> Controls:
    return Controls(adjustable, State(chosen(changes, adjustable), state.pop("source", Source.STORE), **state))


def test_without_changes_nothing_is_different(adjustable: Adjustable) -> None:
    assert controls(adjustable).of("north") == InForce()


def test_it_is_the_same_object_until_something_changes(adjustable: Adjustable) -> None:
    held = controls(adjustable)
    before, again = held.of("north"), held.of("north")
    held.put(file=True)

    assert before is again
    assert held.of("north") is not before


@pytest.mark.parametrize(
    ("changes", "killed"),
    [
        ([change("kill", "on")], {"north", "south"}),
        ([change("kill", "on", "north")], {"north"}),
        ([change("kill", "on"), change("kill", "off", "north")], {"north", "south"}),
        ([change("kill", "on"), change("kill", None)], set()),
        ([change("kill", "on"), change("kill", "on", "north"), change("kill", None)], {"north"}),
    ],
    ids=["all", "one", "one cannot be left out", "taken back", "taken back for all only"],
)
def test_the_kill_switch(adjustable: Adjustable, changes: list[Change], killed: set[str]) -> None:
    held = controls(adjustable, *changes)

    assert {client for client in ("north", "south") if held.of(client).killed} == killed


def test_the_file_kills_whatever_the_store_says(adjustable: Adjustable) -> None:
    assert controls(adjustable, file=True).of("north").killed == "kill switch file"


@pytest.mark.parametrize(("silent", "killed"), [(True, "controls unknown"), (False, None)])
def test_without_any_knowledge_of_controls_the_settings_decide(
    adjustable: Adjustable, silent: bool, killed: str | None
) -> None:
    held = controls(adjustable, source=Source.UNKNOWN, silent_when_unknown=silent)

    assert (held.known, held.of("north").killed) == (False, killed)


def test_the_kill_switch_leaves_shadow_as_it_was(adjustable: Adjustable) -> None:
    held = controls(adjustable, change("shadow", "on"), change("kill", "on"), change("kill", None))

    assert held.of("north").shadow == adjustable.topics


def test_shadow_means_every_card_that_is_not_off(adjustable: Adjustable) -> None:
    held = controls(
        adjustable, change("shadow", "on"), change(f"card.{IRON}", "off"), change(f"card.{REVIEW}", "shown")
    )

    assert held.of("north").off == {IRON}
    assert held.of("north").shadow == adjustable.topics - {IRON}


def test_a_client_may_leave_the_shadow_of_all(adjustable: Adjustable) -> None:
    held = controls(adjustable, change("shadow", "on"), change("shadow", "off", "north"))

    assert (held.of("north").shadow, held.of("south").shadow) == (frozenset(), adjustable.topics)


def test_a_choice_for_a_client_goes_before_that_for_all(adjustable: Adjustable) -> None:
    held = controls(
        adjustable,
        change(f"card.{IRON}", "off"),
        change(f"card.{IRON}", "shadow", "north"),
        change(f"card.{IRON}", "shown", "south"),
    )

    assert [(held.of(one).off, held.of(one).shadow) for one in ("north", "south", "west")] == [
        (frozenset(), {IRON}),
        (frozenset(), frozenset()),
        ({IRON}, frozenset()),
    ]


def test_numbers_market_groups_and_info(adjustable: Adjustable) -> None:
    held = controls(
        adjustable,
        change("cap.order-sign", "1"),
        change("cap.order-sign", "3", "north"),
        change("cap.order-select", "4", "south"),
        change("window.iron.valid_for", "180"),
        change("market", "uk", "north"),
        change("screening", "none", "north"),
        change("info_at_sign", "on"),
    )

    assert held.of("north") == InForce(
        caps={"order-sign": 3},
        windows={"iron.valid_for": 180},
        market="uk",
        screening_groups=frozenset(),
        info_at_sign=True,
    )


def test_the_last_valid_change_counts_and_nonsense_is_told(adjustable: Adjustable) -> None:
    held = controls(
        adjustable,
        change("cap.order-sign", "1", number=1),
        change("cap.order-sign", "0", number=2),
        change("of tomorrow", "1", number=3),
        change("card.PV-01", "off", number=4),
    )
    summary = held.summary()

    assert held.of("north").caps == {"order-sign": 1}
    assert held.of("north").off == {IRON}
    assert [text.partition(":")[0] for text in summary["warnings"]] == ["change 2", "change 3"]


def test_what_a_process_saw_changes_nothing(adjustable: Adjustable) -> None:
    held = controls(adjustable, change("kill_file", "on"))

    assert held.of("north") == InForce()
    assert "warnings" not in held.summary()


def test_the_summary_names_no_client_no_person_and_no_reason(adjustable: Adjustable) -> None:
    held = controls(
        adjustable,
        change("kill", "on", "north"),
        change("shadow", "on"),
        change("shadow", "off", "south"),
        change("market", "uk"),
        read_at=NOON,
    )
    summary = held.summary()

    assert summary == {
        "source": "store",
        "killSwitch": {"file": False, "all": False, "clients": 1},
        "shadow": {"all": True, "clients": 0},
        "forAllClients": {"market": "uk", "shadow": "on"},
        "forSingleClients": [{"kill": "on"}, {"shadow": "off"}],
        "readAt": "2026-11-20T12:00:00+00:00",
        "lastChange": {"at": "2026-11-20T12:00:00+00:00", "for": "all clients", "what": "market", "value": "uk"},
    }


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"source": Source.UNKNOWN, "silent_when_unknown": True}, "no card is shown"),
        ({"source": Source.UNKNOWN}, "cards are shown as though nothing were switched"),
        ({"store_lost": True}, "the controls are those that were read last"),
        ({"troubles": ("the local copy cannot be written",)}, "the local copy cannot be written"),
    ],
)
def test_troubles_are_told(adjustable: Adjustable, state: dict[str, Any], told: str) -> None:
    assert told in controls(adjustable, **state).summary()["warnings"][0]
