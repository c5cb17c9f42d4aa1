"""A memory of bounded size: what is asked again is not worked out again, and nobody can fill the memory."""

from cards.kept import Kept


def test_an_answer_is_worked_out_once() -> None:
    asked: list[str] = []
    kept: Kept[str, int] = Kept(lambda word: asked.append(word) or len(word))

    assert [kept["iron"], kept["iron"]] == [4, 4]
    assert asked == ["iron"]


def test_when_it_is_full_the_old_makes_room_for_the_new() -> None:
    kept: Kept[int, int] = Kept(lambda number: -number, most=2)

    assert [kept[number] for number in (1, 2, 3, 1)] == [-1, -2, -3, -1]
    assert set(kept) == {3, 1}


def test_what_does_not_fit_is_answered_and_forgotten() -> None:
    kept: Kept[str, int] = Kept(len, fits=lambda word: len(word) < 5)

    assert [kept["iron"], kept["ferritin"]] == [4, 8]
    assert set(kept) == {"iron"}
