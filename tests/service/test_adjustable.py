"""What a site may change, by name and value; everything else is refused with what would be right."""

import pytest

from service.adjustable import Adjustable, NotAdjustable, written


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("kill", "kill"),
        (" shadow ", "shadow"),
        ("card.ironStudiesDue", "card.ironStudiesDue"),
        ("card.PV-01", "card.ironStudiesDue"),
        ("card.pv-01", "card.ironStudiesDue"),
        ("card.IRONSTUDIESDUE", "card.ironStudiesDue"),
        ("cap.order-sign", "cap.order-sign"),
        ("window.iron.valid_for", "window.iron.valid_for"),
    ],
)
def test_names_are_made_full(adjustable: Adjustable, said: str, name: str) -> None:
    assert adjustable.named(said) == name


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("card.PV-99", "no card is called 'PV-99'. Did you mean PV-09"),
        ("cap.order-signed", "Did you mean cap.order-sign"),
        ("window.iron.pair", "'window.iron.pair' cannot be changed"),
        ("window.iron.treat_max", "'window.iron.treat_max' cannot be changed"),
        ("", "'' cannot be changed. See: python -m service site choices"),
    ],
)
def test_unknown_names_are_refused(adjustable: Adjustable, said: str, told: str) -> None:
    with pytest.raises(NotAdjustable) as refused:
        adjustable.named(said)

    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("what", "said", "value"),
    [
        ("kill", "on", True),
        ("shadow", "False", False),
        ("info_at_sign", "yes", True),
        ("card.ironStudiesDue", "shadow", "shadow"),
        ("cap.order-sign", "1", 1),
        ("cap.order-sign", "4", 4),
        ("window.iron.valid_for", "90", 90),
        ("window.iron.valid_for", "730", 730),
        ("market", "uk", "uk"),
        ("screening", "pregnancy, iron_deficiency", frozenset({"pregnancy", "iron_deficiency"})),
        ("screening", "none", frozenset()),
    ],
)
def test_values_are_read(adjustable: Adjustable, what: str, said: str, value: object) -> None:
    assert adjustable.read(what, said) == value


@pytest.mark.parametrize(
    ("what", "said", "told"),
    [
        ("kill", "maybe", "kill is on or off, not 'maybe'"),
        ("card.ironStudiesDue", "hidden", "one of shown, shadow, off, not 'hidden'"),
        ("card.nothing", "off", "no card is called 'nothing'"),
        ("cap.order-sign", "0", "from 1 to 4 (without a change 2). To show none, see kill and shadow."),
        ("cap.order-sign", "5", "from 1 to 4"),
        ("cap.order-sign", "-1", "from 1 to 4"),
        ("cap.order-sign", "2.5", "a whole number of cards"),
        ("cap.order-sign", "³", "a whole number of cards"),
        ("window.iron.valid_for", "89", "a whole number of days from 90 to 730 (without a change 365)."),
        ("window.iron.valid_for", "731", "from 90 to 730"),
        ("window.iron.valid_for", "9" * 5000, "from 90 to 730"),
        ("market", "fr", "market is one of us, uk, eu, not 'fr'"),
        ("screening", "pregnant", "no screening group is called 'pregnant'; known: none, end_stage_kidney_disease"),
        ("screening", " , ", "screening names groups with commas between them: none, end_stage_kidney_disease"),
        ("screening", "none,pregnancy", "no screening group is called 'none'"),
        ("colour", "red", "'colour' cannot be changed"),
    ],
)
def test_values_out_of_bounds_are_refused(adjustable: Adjustable, what: str, said: str, told: str) -> None:
    with pytest.raises(NotAdjustable) as refused:
        adjustable.read(what, said)

    assert told in str(refused.value)


@pytest.mark.parametrize("said", ["on", "off", "shadow", "2", "uk", "iron_deficiency,pregnancy", "none"])
def test_what_is_kept_is_read_as_it_was_said(adjustable: Adjustable, said: str) -> None:
    what = {"on": "kill", "off": "kill", "shadow": "card.ironStudiesDue", "2": "cap.order-sign", "uk": "market"}

    assert written(adjustable.read(what.get(said, "screening"), said)) == said


def test_every_choice_that_is_listed_can_be_named(adjustable: Adjustable) -> None:
    listed = [choice.what for choice in adjustable.choices()]

    assert [adjustable.named(what) for what in listed] == listed
    assert len(listed) == len(set(listed))


def test_what_holds_without_a_change_is_within_its_bounds(adjustable: Adjustable) -> None:
    numbers = [choice for choice in adjustable.choices() if choice.what.startswith(("cap.", "window."))]

    assert [adjustable.read(choice.what, choice.present) for choice in numbers] == [int(one.present) for one in numbers]
