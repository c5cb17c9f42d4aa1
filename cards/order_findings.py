"""From drafted products to one finding: who newly starts what, at which level, and what to tell of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from cards.decision import INDICATOR_ORDER, DrugLine, Finding, Indicator, Silent
from cards.facts import DraftOrder, PatientFacts, Role
from cards.guards import unreachable, without_rls
from cards.needs import Need
from cards.terminology import RecognisedBy


@dataclass(frozen=True, slots=True)
class Culprit:
    """One ingredient of one selected, newly started draft, in the class for which it matters here."""

    order: DraftOrder
    ingredient: str
    role: Role

    @property
    def indicator(self) -> Indicator:
        """The level of its tier; a warning becomes info where the product may be a local one."""
        doubtful = self.order.is_doubtful(self.ingredient)
        return Indicator.WARNING if self.role.tier == "warning" and not doubtful else Indicator.INFO


def not_for_orders(patient: PatientFacts) -> Silent | None:
    """Reasons for which no order card is shown at all."""
    return unreachable(patient) or without_rls(patient) or (None if patient.drafts else Silent("no_live_draft"))


def new_culprits(patient: PatientFacts, *drug_classes: str) -> tuple[Culprit, ...]:
    """Selected, systemic, newly started ingredients of some classes whose tier is not silent, by name."""
    found = [
        Culprit(order, name, role)
        for order in patient.drafts
        if order.selected and order.acts_systemically
        for name in order.new_of(*drug_classes)
        if (role := _role(order, name, drug_classes)) and role.tier != "none"
    ]
    return tuple(sorted(found, key=lambda culprit: (culprit.ingredient, culprit.order.medicine.ref.reference)))


def _role(order: DraftOrder, ingredient: str, drug_classes: Iterable[str]) -> Role | None:
    roles = (order.medicine.role(ingredient, drug_class) for drug_class in drug_classes)
    return next((role for role in roles if role), None)


def why_no_culprit(patient: PatientFacts, *drug_classes: str) -> Silent:
    """Why none of the drafts matters to a rule about some classes."""
    of_class = [order for order in patient.drafts if order.medicine.ingredients_of(*drug_classes)]
    if not of_class:
        return Silent("no_such_drug")
    if not any(order.selected for order in of_class):
        return Silent("not_selected")
    if not any(order.acts_systemically for order in of_class):
        return Silent("local_product")
    return Silent("continuation" if not any(order.new_of(*drug_classes) for order in of_class) else "silent_on_purpose")


def medicine_finding(
    patient: PatientFacts,
    topic: str,
    culprits: tuple[Culprit, ...],
    *,
    variant: str | None = None,
    indicator: Indicator | None = None,
    notes: Iterable[str] = (),
    removes: bool = False,
    suggests: tuple[str, ...] = (),
) -> Finding:
    """One finding about all culprits of one mechanism, with the highest of their levels; info in hospice care."""
    names = tuple(dict.fromkeys(culprit.ingredient for culprit in culprits))
    orders = tuple({culprit.order.medicine.ref.reference: culprit.order for culprit in culprits}.values())
    level = indicator or min((culprit.indicator for culprit in culprits), key=INDICATOR_ORDER.__getitem__)
    level = Indicator.INFO if patient.hospice else level
    unread = {Need.MEDICATIONS} & patient.unread
    return Finding(
        topic=topic,
        variant=variant or ("one" if len(names) == 1 else "several"),
        indicator=level,
        names=names,
        notes=frozenset({"medicine", *notes}),
        drugs=tuple(drugs_of(culprits)),
        suggests=suggests,
        removes=orders if removes else (),
        drafts=orders,
        rests_on=(*patient.rls_refs, *(order.medicine.ref for order in orders)),
        unread=frozenset(unread),
    )


def drugs_of(culprits: Iterable[Culprit]) -> Iterable[DrugLine]:
    """One line an ingredient: its evidence, and whether only its name was recognised."""
    for name, culprit in {culprit.ingredient: culprit for culprit in culprits}.items():
        by_name = culprit.order.medicine.product.recognised_by is RecognisedBy.NAME
        yield DrugLine(name, culprit.role.evidence, culprit.role.note, by_name=by_name)
