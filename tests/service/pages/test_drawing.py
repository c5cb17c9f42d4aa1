"""The drawing process: the same picture every time, and no harm when it dies, hangs or is asked too much."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import date
from xml.etree import ElementTree

import pytest

from service.pages import drawing_room
from service.pages.drawing_room import DrawingRoom, NoPicture
from service.pages.figures import (
    Band,
    Bar,
    BarsFigure,
    Figure,
    Line,
    Mark,
    Point,
    Share,
    Strip,
    TimelineFigure,
    WeeksFigure,
)

pytestmark = pytest.mark.anyio
HOSTILE = "<script>alert(1)</script> $x$ & \"'"
TIMELINE = TimelineFigure(
    on=date(2026, 11, 20),
    since=date(2025, 11, 20),
    strips=(
        Strip(
            title="Ferritin",
            unit="ng/mL",
            points=(Point(on=date(2026, 10, 1), value=62.0, text=HOSTILE, counts=True, decides=True),),
            lines=(Line(value=75, text="75 ng/mL"),),
            bands=(Band(text="low", low=None, high=75), Band(text="above", low=75, high=None)),
        ),
        Strip(title="Transferrin saturation", unit="%", points=()),
    ),
    infusions=(date(2026, 3, 1),),
    bars=(Bar(text=HOSTILE, kind="worsens", start=None, end=None),),
)
BARS = BarsFigure(series=("a", "b"), rows=(Share(text=HOSTILE, values=(1, 2)),), axis="")
WEEKS = WeeksFigure(
    series=("a",),
    weeks=(date(2026, 11, 2), date(2026, 11, 9)),
    values=((1.0,), (0.0,)),
    axis="Cards",
    rate=(None, 2.0),
    rate_text="per 100",
    marks=(Mark(on=date(2026, 11, 4), text="x"),),
)
# One that answers each order with its own number, one that ends with the first order, one that never answers.
COUNTS = (
    "import sys\nn = 0\n"
    "while head := sys.stdin.buffer.read(4):\n"
    "    sys.stdin.buffer.read(int.from_bytes(head, 'big')); n += 1\n"
    "    sys.stdout.buffer.write((1).to_bytes(4, 'big') + str(n).encode()); sys.stdout.buffer.flush()\n"
)
DIES = "import sys; sys.stdin.buffer.read(4)"
HANGS = "import sys, time; sys.stdin.buffer.read(4); time.sleep(600)"


@pytest.fixture
async def room() -> AsyncIterator[DrawingRoom]:
    opened = DrawingRoom()
    yield opened
    await opened.close()


def running(program: str) -> DrawingRoom:
    return DrawingRoom((sys.executable, "-c", program))


@pytest.mark.parametrize("figure", [TIMELINE, BARS, WEEKS], ids=["timeline", "bars", "weeks"])
async def test_a_figure_is_the_same_svg_every_time(room: DrawingRoom, figure: Figure) -> None:
    first = await room.picture(figure, dark=False)
    await room.close()

    assert await room.picture(figure, dark=False) == first
    assert ElementTree.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own


async def test_light_and_dark_differ(room: DrawingRoom) -> None:
    assert await room.picture(BARS, dark=True) != await room.picture(BARS, dark=False)


async def test_hostile_text_stays_text(room: DrawingRoom) -> None:
    drawn = ElementTree.fromstring(await room.picture(TIMELINE, dark=False))  # noqa: S314 - our own

    assert [one for one in drawn.iter() if one.tag.endswith("script")] == []
    assert any(HOSTILE in (one.text or "") for one in drawn.iter())


async def test_a_process_that_died_is_started_again() -> None:
    room = running(COUNTS)
    before = [await room.picture(BARS, dark=False) for _ in range(2)]
    assert room._process
    room._process.kill()
    await room._process.wait()

    after = await room.picture(BARS, dark=False)

    await room.close()
    assert (before, after) == ([b"1", b"2"], b"1")


async def test_a_process_that_dies_at_once_costs_only_the_picture() -> None:
    room = running(DIES)

    assert await room.embedded(BARS) is None
    await room.close()


async def test_a_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_room, "_FIRST_SECONDS", 0.2)
    room = running(HANGS)

    with pytest.raises(NoPicture):
        await room.picture(BARS, dark=False)

    assert room._process is None
    await room.close()


async def test_an_abandoned_order_never_answers_the_next() -> None:
    room = running(COUNTS.replace("n += 1", "n += 1; __import__('time').sleep(0.3)"))
    abandoned = asyncio.ensure_future(room.picture(BARS, dark=False))
    await asyncio.sleep(0.15)
    abandoned.cancel()
    await asyncio.wait([abandoned])

    assert await room.picture(BARS, dark=False) == b"1"
    await room.close()


async def test_more_than_some_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_room, "WAITING_AT_MOST", 2)
    room = running(COUNTS)

    found = await asyncio.gather(*(room.picture(BARS, dark=False) for _ in range(3)), return_exceptions=True)

    await room.close()
    assert [type(one) for one in found] == [bytes, bytes, NoPicture]


async def test_the_process_knows_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLS_CDS_OPERATOR_PASSWORD", "secret-secret")
    program = COUNTS.replace("str(n).encode()", "(b'y' if any('RLS' in k for k in __import__('os').environ) else b'n')")
    room = running(program)

    assert await room.picture(BARS, dark=False) == b"n"
    await room.close()
