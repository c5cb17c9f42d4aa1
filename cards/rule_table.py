"""Every rule with its hooks and the evidence that it needs. A new rule has its line here."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from cards.decision import Verdict
from cards.evidence import Hook
from cards.facts import PatientFacts
from cards.knowledge_base import Guidance
from cards.needs import Need
from cards.rules import (
    antipsychotic,
    augmentation,
    contributing_factors,
    d2_antiemetic,
    dopaminergic_start,
    gabapentinoid_dialysis,
    iron,
    iron_order_safety,
    iv_iron_premedication,
    medication_review,
    mirtazapine,
    not_recommended_for_rls,
    other_documented,
    screening,
    sedating_antihistamine,
    serotonergic_antidepressant,
    untested_iron,
)

ORDER_HOOKS = frozenset({Hook.ORDER_SELECT, Hook.ORDER_SIGN})
ALWAYS = frozenset({Need.CONDITIONS, Need.PATIENT})
# What an order card adds when iron studies are due rests on these.
STUDIES = frozenset({Need.LABS, Need.ORDERS})
_DRUGS = frozenset({Need.MEDICATIONS, Need.STATEMENTS})
_PEOPLE = frozenset({Need.FACTS, Need.PROCEDURES, Need.ENCOUNTER})


@dataclass(frozen=True, slots=True)
class Rule:
    """One clinical question. Required needs that were not answered starve it; optional ones are named on the card.

    `only_with`: an optional need, and the value set without whose active problem the rule never looks at it.
    """

    stem: str
    topics: tuple[str, ...]
    hooks: frozenset[Hook]
    decide: Callable[[PatientFacts, Guidance], Verdict]
    required: frozenset[Need] = ALWAYS
    optional: frozenset[Need] = frozenset()
    drug_classes: tuple[str, ...] = ()
    without_rls: bool = False
    only_with: tuple[tuple[Need, str], ...] = ()

    @property
    def needs(self) -> frozenset[Need]:
        """All that the rule may look at."""
        return self.required | self.optional


def _order_rule(
    module: ModuleType, *classes: str, hooks: frozenset[Hook] = ORDER_HOOKS, also: frozenset[Need] = frozenset()
) -> Rule:
    stem = module.__name__.rpartition(".")[2]
    return Rule(stem, (module.TOPIC,), hooks, module.decide, optional=_DRUGS | _PEOPLE | also, drug_classes=classes)


_AT_SELECT = frozenset({Hook.ORDER_SELECT})
_AT_VIEW = frozenset({Hook.PATIENT_VIEW})
_SWAP = frozenset({Need.ALLERGIES})
_IRON = ("oral_iron", "intravenous_iron")

# Order cards carry the iron studies that are due, also where their own card is off.
DUE_STUDIES = Rule("iron", (iron.DUE,), ORDER_HOOKS, iron.decide_due, required=ALWAYS | {Need.LABS, Need.ENCOUNTER})

RULES = (
    Rule(
        "iron",
        (
            "ironStudiesDue",
            "ironTreatAdult",
            "ironIvOnly",
            "ironTreatChild",
            "ironTreatDialysis",
            "ironTreatPregnancy",
            "ironCaution",
            "oralIronNonresponse",
        ),
        _AT_VIEW,
        iron.decide,
        required=ALWAYS | {Need.LABS, Need.ENCOUNTER},
        optional=_DRUGS | {Need.ORDERS, Need.PROCEDURES, Need.FACTS},
    ),
    Rule(
        "medication_review",
        (medication_review.TOPIC,),
        _AT_VIEW,
        medication_review.decide,
        required=ALWAYS | {Need.MEDICATIONS},
        optional=frozenset({Need.STATEMENTS}),
    ),
    Rule(
        "augmentation",
        (augmentation.TOPIC,),
        _AT_VIEW,
        augmentation.decide,
        required=ALWAYS | {Need.MEDICATIONS},
        optional=frozenset({Need.STATEMENTS}),
    ),
    Rule(
        "screening",
        (screening.TOPIC,),
        _AT_VIEW,
        screening.decide,
        required=ALWAYS | {Need.ENCOUNTER},
        optional=frozenset({Need.PROCEDURES, Need.FACTS}),
        without_rls=True,
    ),
    Rule(
        "contributing_factors",
        (contributing_factors.TOPIC,),
        _AT_VIEW,
        contributing_factors.decide,
        required=ALWAYS | {Need.ENCOUNTER},
        optional=_DRUGS | {Need.PROCEDURES, Need.DEVICES, Need.FACTS},
        # A device tells whether sleep apnoea is treated, and nothing else.
        only_with=((Need.DEVICES, "obstructive_sleep_apnoea"),),
    ),
    _order_rule(iron_order_safety, *_IRON, also=STUDIES),
    _order_rule(iv_iron_premedication, "sedating_antihistamine", "intravenous_iron"),
    _order_rule(gabapentinoid_dialysis, "alpha2delta"),
    _order_rule(d2_antiemetic, "d2_antiemetic", also=_SWAP),
    _order_rule(sedating_antihistamine, "sedating_antihistamine", also=_SWAP),
    _order_rule(mirtazapine, "mirtazapine"),
    _order_rule(antipsychotic, "antipsychotic"),
    _order_rule(dopaminergic_start, "dopaminergic"),
    _order_rule(not_recommended_for_rls, *not_recommended_for_rls.CLASSES),
    _order_rule(serotonergic_antidepressant, *serotonergic_antidepressant.CLASSES, hooks=_AT_SELECT),
    _order_rule(other_documented, *other_documented.CLASSES, hooks=_AT_SELECT),
    Rule(
        "untested_iron",
        (untested_iron.TOPIC,),
        ORDER_HOOKS,
        untested_iron.decide,
        required=ALWAYS | {Need.LABS, Need.ENCOUNTER},
        optional=_DRUGS | _PEOPLE | {Need.ORDERS},
        drug_classes=untested_iron.CLASSES,
    ),
)
