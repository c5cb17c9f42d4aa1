"""RxCUIs that nothing local knows, asked of RxNav in the background and learned for the next call.

Off unless configured. No card ever waits for it: the call that meets an unknown code is answered from the name. What
leaves the house is the code alone. Answers, "unknown" included, are kept in a file and learned again at the next start.
"""

import asyncio
import json
import re
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import httpx
import msgspec

RXNAV = "https://rxnav.nlm.nih.gov/REST"

_MOST_WAITING = 1000
_MOST_BYTES = 1_000_000
# RxNav asks for no more than 20 requests a second from one address; half of that leaves room for others behind it.
_BETWEEN_S = 0.1
_AFTER_FAILURE_S = 60.0
_ASK_AGAIN_AFTER_S = 30 * 86_400.0
_RXCUI = re.compile(r"[1-9][0-9]{0,8}")
_UNKNOWN = "UNKNOWN"
_ACTIVE = "Active"


class Learner(Protocol):
    """Who keeps the answers: the terminology."""

    def learn(
        self, code: str, *, ingredients: Sequence[int], form: str | None, name: str | None, retired: bool
    ) -> None:
        """Keeps what is known of an RxCUI."""


class Learned(msgspec.Struct, frozen=True):
    """What RxNav says of an RxCUI; without `known` it has never heard of it."""

    known: bool
    ingredients: tuple[int, ...] = ()
    form: str | None = None
    name: str | None = None
    retired: bool = False


class Counts(NamedTuple):
    """For the metrics: codes learned, codes that RxNav does not know, questions that failed."""

    learned: int
    unknown: int
    failed: int


class Resolver:
    """Collects unknown codes and asks about them one after the other.

    `http` is a client of its own; `file` keeps the answers; `now` gives seconds since 1970; `time_box` bounds one question.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        file: Path,
        learner: Learner,
        now: Callable[[], float],
        *,
        base_url: str = RXNAV,
        time_box: float = 5.0,
    ) -> None:
        self._http = http
        self._kept = _Kept(file)
        self._learner = learner
        self._now = now
        self._base_url = base_url.rstrip("/")
        self._time_box = time_box
        self._waiting: deque[str] = deque()
        self._met: set[str] = set()
        self.counts = Counts(0, 0, 0)

    def notice(self, code: str) -> None:
        """Remembers an unknown RxCUI to ask about; returns at once, from any thread."""
        if code not in self._met and len(self._waiting) < _MOST_WAITING and _RXCUI.fullmatch(code):
            self._met.add(code)
            self._waiting.append(code)

    def recall(self) -> None:
        """At start: learns what earlier runs were told. A file that cannot be read is the same as none."""
        for code, learned in self._kept.since(self._now() - _ASK_AGAIN_AFTER_S):
            self._met.add(code)
            self._teach(code, learned)

    async def run(self) -> None:
        """Asks until cancelled; a failure costs nothing but a pause."""
        while True:
            went_well = await self.step()
            await asyncio.sleep(_BETWEEN_S if went_well else _AFTER_FAILURE_S)

    async def step(self) -> bool:
        """Asks about one waiting code, if any; False where the question failed."""
        if not self._waiting:
            return True
        code = self._waiting.popleft()
        learned = await self._ask(code)
        if learned is None:
            self._met.discard(code)
            self.counts = self.counts._replace(failed=self.counts.failed + 1)
            return False
        await asyncio.to_thread(self._kept.keep, code, learned, self._now())
        self._teach(code, learned)
        return True

    def _teach(self, code: str, learned: Learned) -> None:
        if not learned.known:
            self.counts = self.counts._replace(unknown=self.counts.unknown + 1)
            return
        self.counts = self.counts._replace(learned=self.counts.learned + 1)
        self._learner.learn(
            code,
            ingredients=learned.ingredients,
            form=learned.form,
            name=learned.name,
            retired=learned.retired,
        )

    async def _ask(self, code: str) -> Learned | None:
        try:
            async with asyncio.timeout(self._time_box):
                return _read(await self._body(f"{self._base_url}/rxcui/{code}/historystatus.json"))
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, OSError, msgspec.MsgspecError, RecursionError):
            return None

    async def _body(self, url: str) -> bytes:
        async with self._http.stream("GET", url, headers={"Accept": "application/json"}) as response:
            response.raise_for_status()
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise httpx.DecodingError("the answer is too long")
        return body


class _Strength(msgspec.Struct, rename="camel"):
    base_rxcui: str | None = None
    active_ingredient_rxcui: str | None = None


class _DoseForm(msgspec.Struct, rename="camel"):
    dose_form_name: str | None = None


class _Definition(msgspec.Struct, rename="camel"):
    ingredient_and_strength: list[_Strength] | None = None
    dose_form_concept: list[_DoseForm] | None = None


class _Ingredient(msgspec.Struct, rename="camel"):
    ingredient_rxcui: str | None = None


class _Derived(msgspec.Struct, rename="camel"):
    ingredient_concept: list[_Ingredient] | None = None


class _Meta(msgspec.Struct):
    status: str | None = None


class _Attributes(msgspec.Struct):
    name: str | None = None


class _History(msgspec.Struct, rename="camel"):
    meta_data: _Meta
    attributes: _Attributes | None = None
    definitional_features: _Definition | None = None
    derived_concepts: _Derived | None = None


class _Answer(msgspec.Struct, rename="camel"):
    rxcui_status_history: _History


def _read(body: bytes) -> Learned:
    history = msgspec.json.decode(body, type=_Answer).rxcui_status_history
    if (history.meta_data.status or _UNKNOWN).upper() == _UNKNOWN:
        return Learned(known=False)
    features = history.definitional_features or _Definition()
    forms = [form.dose_form_name for form in features.dose_form_concept or [] if form.dose_form_name]
    return Learned(
        known=True,
        ingredients=tuple(sorted(set(_ingredients(features, history.derived_concepts or _Derived())))),
        form=forms[0] if forms else None,
        name=history.attributes.name if history.attributes else None,
        retired=history.meta_data.status != _ACTIVE,
    )


def _ingredients(features: _Definition, derived: _Derived) -> Iterator[int]:
    codes: list[str | None] = [code.ingredient_rxcui for code in derived.ingredient_concept or []]
    for strength in features.ingredient_and_strength or []:
        codes += [strength.base_rxcui, strength.active_ingredient_rxcui]
    return (int(code) for code in codes if code and _RXCUI.fullmatch(code))


class _Kept:
    """The answers in a file. One that cannot be read or written is done without: everything is then asked again."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def since(self, when: float) -> list[tuple[str, Learned]]:
        """The answers that came at `when` or later."""
        try:
            with self._open() as database:
                rows = database.execute(
                    "SELECT code, answer FROM answers WHERE at >= ? ORDER BY code", (when,)
                ).fetchall()
            return [(code, msgspec.json.decode(answer, type=Learned)) for code, answer in rows]
        except (sqlite3.Error, msgspec.MsgspecError):
            return []

    def keep(self, code: str, learned: Learned, at: float) -> None:
        """Keeps an answer in place of an older one."""
        try:
            with self._open() as database:
                answer = json.dumps(msgspec.to_builtins(learned))
                database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (code, answer, at))
        except sqlite3.Error:
            return

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=5.0)) as database, database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS answers (code TEXT PRIMARY KEY, answer TEXT NOT NULL, at REAL NOT NULL)"
            )
            yield database
