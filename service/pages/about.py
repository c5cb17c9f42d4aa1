"""What this software is, for whom, on which sources it rests and which data of a patient it uses."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cards import Knowledge
from service import __version__

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from service.pages.frame import Frame
    from service.settings import Settings

TO_BE_FILLED_IN = "To be filled in by the distributor"
INTENDED_USE = (
    "For physicians and other prescribers, inside an EHR, in the care of adults, of children from two years and of pregnant "
    "patients with restless legs syndrome on record. It reminds of iron studies and treatment, and points out orders and "
    "medicines that may worsen the syndrome. It supplements and never replaces clinical judgement. English only."
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One source attribute with its text complete."""

    id: str
    name: str
    used: str
    text: str


def attributes(knowledge: Knowledge, settings: "Settings") -> tuple[Attribute, ...]:
    """The source attributes of 45 CFR 170.315(b)(11)(iv)(A), with versions, numbers and the distributor's words."""
    slots = _slots(knowledge, settings)
    return tuple(
        Attribute(one.id, one.name, one.used, one.text.format(**slots)) for one in knowledge.transparency.attributes
    )


def _slots(knowledge: Knowledge, settings: "Settings") -> dict[str, str]:
    reviews = knowledge.reviews.values()
    return {
        "citation": knowledge.sources["aasm-2025"].citation,
        "sources": str(len(_citable(knowledge))),
        "author": ", ".join(sorted({review.author for review in reviews})),
        "distributor": settings.distributor or f"{TO_BE_FILLED_IN} (RLS_CDS_DISTRIBUTOR).",
        "funding": settings.funding or f"{TO_BE_FILLED_IN} (RLS_CDS_FUNDING).",
        "knowledge_version": knowledge.full_version,
        "released": knowledge.released.isoformat(),
        "status": knowledge.status,
        "software_version": __version__,
        "review_by": max(review.review_by for review in reviews),
        "child_from": _limit(knowledge, "reading", "populations", "child_from"),
        "adult_from": _limit(knowledge, "reading", "populations", "adult_from"),
        "replacement_from": _limit(knowledge, "guidance", "sedating_antihistamine", "replacement_from"),
        "older_from": _limit(knowledge, "guidance", "sedating_antihistamine", "older_from"),
        "hemoglobin_men": _limit(knowledge, "reading", "iron_indications", "hemoglobin_men", unit=True),
        "hemoglobin_women": _limit(knowledge, "reading", "iron_indications", "hemoglobin_women", unit=True),
    }


def _citable(knowledge: Knowledge) -> list[str]:
    """What may stand on a card; our own choices may not by themselves."""
    return [key for key, source in knowledge.sources.items() if source.use == "citation" and key != "our-choice"]


def _limit(knowledge: Knowledge, where: str, stem: str, name: str, *, unit: bool = False) -> str:
    guidance = getattr(knowledge, where)[stem]
    return str(guidance.shown(name)) if unit else f"{guidance.number(name):f}"


def citations(knowledge: Knowledge) -> Iterable[tuple[str, str, str | None]]:
    """What the recommendations cite: label, citation and address, in the order of the sources file."""
    cited = {
        key
        for one in knowledge.guidance.values()
        for card in one.recommendation.cards.values()
        for key in (card.source, *card.links)
    }
    for key, source in knowledge.sources.items():
        if key in cited:
            yield source.label or key, source.citation, source.url


class About:
    """GET /about."""

    def __init__(self, frame: "Frame") -> None:
        self._frame = frame
        self._settings = frame.service.settings

    async def page(self, _request: "Request") -> "Response":
        """The page, from the knowledge that answers and the settings in force."""
        knowledge = self._frame.service.catalogue.knowledge
        return self._frame.render(
            "about.html",
            current="/about",
            intended_use=INTENDED_USE,
            software_version=__version__,
            released=knowledge.released.isoformat(),
            review_by=max(review.review_by for review in knowledge.reviews.values()),
            attributes=attributes(knowledge, self._settings),
            criteria=knowledge.transparency.criteria,
            citations=tuple(citations(knowledge)),
            distributor=self._settings.distributor or TO_BE_FILLED_IN,
            incident_contact=self._settings.incident_contact or TO_BE_FILLED_IN,
        )
