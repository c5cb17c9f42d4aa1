"""The preview: one page, its form, the answer, the plot, and feedback as an EHR sends it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cards import Card, Hook
from service.discovery import described
from service.errors import BadRequest
from service.feedback import parse_feedback
from service.pages.attempts import PREVIEW, Attempt, Attempts
from service.pages.chart import Chart
from service.pages.clinic_words import FERRITIN, TSAT
from service.pages.drawing_room import DrawingRoom
from service.pages.form import latest, unit_of
from service.pages.frame import Frame
from service.pages.markdown import html
from service.pages.samples import FIRST, Sample, samples
from service.pages.silence import OTHER_HOOK, every_card, together
from service.pages.situation import Form, Situation, decoded
from service.pages.timeline import timeline

PATH = "/"
# More than this of a pasted record is no reading matter.
_SHOWN_AT_MOST = 300_000
_INDICATORS = {"info": "Information", "warning": "Warning", "critical": "Critical"}
HOOK_WORDS: Mapping[str, str] = {
    Hook.PATIENT_VIEW: "opens the chart",
    Hook.ORDER_SELECT: "picks an order",
    Hook.ORDER_SIGN: "signs the orders",
}


class _Answer(msgspec.Struct, frozen=True):
    """Feedback of the page: the body that an EHR would send, and for which service."""

    service: str
    feedback: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card ready for the template."""

    card: Card
    word: str
    detail: Markup
    resources: tuple[str, ...]


class Preview:
    """The handlers of the preview. Nothing that is pasted is kept: each request brings the whole situation."""

    def __init__(self, frame: Frame, drawing: DrawingRoom) -> None:
        self._frame = frame
        self._drawing = drawing
        self._attempts = Attempts(frame.service)

    async def page(self, request: Request) -> Response:
        """GET /: the first patient, or the one that `?patient=` names, with its answer."""
        asked = request.query_params.get("patient", FIRST)
        situation = Situation(sample=asked if asked in samples() else FIRST)
        attempt = await self._attempts.answer(situation)
        return self._frame.render(
            "preview.html",
            current=PATH,
            groups=_grouped(),
            chosen=situation.sample,
            **self._form_values(attempt.request, attempt.form),
            **self._answer_values(attempt),
        )

    async def form(self, request: Request) -> Response:
        """POST /preview/form: the fields of a patient that was picked or pasted."""
        return await self._told(request, self._form)

    async def answer(self, request: Request) -> Response:
        """POST /preview/answer: the cards of a situation, the JSON beside them, and why no other card was shown."""
        return await self._told(request, self._answer)

    async def timeline(self, request: Request) -> Response:
        """POST /preview/timeline: the plot of a situation, drawn elsewhere, with its table."""
        return await self._told(request, self._timeline)

    async def _told(self, request: Request, answer: Callable[[Situation], Awaitable[Response]]) -> Response:
        """What a person typed may be no value yet: that is told in the page, and is no failed request."""
        situation = decoded(await self._frame.service.door.body(request), Situation)
        try:
            return await answer(situation)
        except BadRequest as error:
            return JSONResponse({"trouble": f"{error.expression}: {error}" if error.expression else str(error)})
        except RecursionError:
            return JSONResponse({"trouble": "what was pasted is nested too deeply"})

    async def _form(self, situation: Situation) -> Response:
        form = situation.form or self._attempts.form(situation)
        changed = self._attempts.request(situation)
        return self._frame.render("preview_form.html", **self._form_values(changed, form))

    async def _answer(self, situation: Situation) -> Response:
        return self._frame.render("preview_answer.html", **self._answer_values(await self._attempts.answer(situation)))

    async def _timeline(self, situation: Situation) -> Response:
        history = await self._attempts.history(situation)
        if history is None:
            return self._frame.render("timeline.html", shown=None, pictures=None)
        shown = timeline(history, self._frame.service.catalogue.knowledge)
        return self._frame.render("timeline.html", shown=shown, pictures=await self._drawing.embedded(shown.figure))

    async def feedback(self, request: Request) -> Response:
        """POST /preview/feedback: kept like an EHR's, under the name of the preview; 200 only when it is durable."""
        sent = decoded(await self._frame.service.door.body(request), _Answer)
        service = described(sent.service)
        entries = parse_feedback(msgspec.json.encode({"feedback": sent.feedback}))
        if not entries:
            raise BadRequest("no answer was sent", expression="feedback")
        await self._frame.service.journal.feedback(entries, client=PREVIEW.name, service=service.id)
        return Response(status_code=200)

    def _form_values(self, request: dict[str, Any], form: Form) -> dict[str, Any]:
        chart, words = Chart(request), self._attempts.words
        return {
            "form": form,
            "reasons": words.reasons,
            "hooks": HOOK_WORDS,
            "today": self._attempts.today().isoformat(),
            "ferritin_unit": unit_of(latest(chart, words, FERRITIN), words.unit(FERRITIN)),
            "tsat_unit": unit_of(latest(chart, words, TSAT), words.unit(TSAT)),
        }

    def _answer_values(self, attempt: Attempt) -> dict[str, Any]:
        decision = attempt.decision
        catalogue = self._frame.service.catalogue
        cards = decision.cards if decision else ()
        states = every_card(decision, catalogue) if decision else []
        silent = [state for state in states if state.result != "shown"]
        return {
            "service_id": attempt.service_id,
            "hook_words": HOOK_WORDS[attempt.form.hook],
            "refused": attempt.refused,
            "killed": self._frame.service.controls.of(PREVIEW.name).killed,
            "decision": decision,
            "cards": [_shown(card) for card in cards],
            "number_silent": len(silent),
            "silent": together(state for state in silent if state.result != OTHER_HOOK),
            "elsewhere": together(state for state in silent if state.result == OTHER_HOOK),
            "request_json": _pretty(attempt.request),
            "answer_json": _pretty(msgspec.to_builtins({"cards": cards})) if decision else "",
        }


def _grouped() -> list[tuple[str, list[Sample]]]:
    """The patients by hook, for the list to pick from."""
    return [
        (f"When a prescriber {words}", [one for one in samples().values() if one.hook == hook])
        for hook, words in HOOK_WORDS.items()
    ]


def _shown(card: Card) -> ShownCard:
    resources = tuple(_resource(suggestion.actions[0].resource) for suggestion in card.suggestions or ())
    return ShownCard(card, _INDICATORS[card.indicator], html(card.detail or ""), resources)


def _resource(resource: dict[str, Any] | None) -> str:
    return _pretty(resource) if resource else ""


def _pretty(value: object) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_AT_MOST else f"{text[:_SHOWN_AT_MOST]}\n… ({len(text)} characters in all)"
