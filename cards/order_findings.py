"""From drafted products to one finding: who newly starts what, at which level, and what to tell of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cards.decision import INDICATOR_ORDER, DrugLine, Finding, Indicator, Silent
from cards.facts import DraftOrder, PatientFacts, Ref, Role
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


def not_for_orders(patient: PatientFacts, *, emergency_counts: bool = False) -> Silent | None:
    """Reasons for which an order card is not shown; anaphylaxis is one for the cards about single drugs (OR-01 to 06)."""
    silent = unreachable(patient) or without_rls(patient)
    return silent or (Silent("anaphylaxis") if emergency_counts and patient.in_anaphylaxis else None)


def new_culprits(patient: PatientFacts, *drug_classes: str) -> tuple[Culprit, ...]:
    """Selected, systemic, newly started ingredients of some classes whose tier is not silent, by name.

    A drug as needed for a reaction is no start of a treatment.
    """
    found = drafted(patient, *drug_classes)
    return tuple(
        one
        for one in found
        if one.ingredient in one.order.new_ingredients
        and one.role.tier != "none"
        and not one.order.medicine.is_for_reaction
    )


def drafted(patient: PatientFacts, *drug_classes: str) -> tuple[Culprit, ...]:
    """Selected, systemic ingredients of some classes, newly started or not, by name."""
    found = [
        Culprit(order, name, role)
        for order in patient.drafts
        if order.selected and order.acts_systemically
        for name in order.medicine.ingredients_of(*drug_classes)
        if (role := _role(order, name, drug_classes))
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
    values: Mapping[str, str] | None = None,
    notes: Iterable[str] = (),
    indications: tuple[str, ...] | None = None,
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
        values=values or {},
        names=names,
        indications=indications_of(culprits) if indications is None else indications,
        notes=frozenset({"medicine", *notes}),
        drugs=tuple(drugs_of(culprits)),
        suggests=suggests,
        removes=_removable(culprits) if removes else (),
        drafts=orders,
        rests_on=(*patient.rls_refs, *(order.medicine.ref for order in orders)),
        unread=frozenset(unread),
    )


def _removable(culprits: Iterable[Culprit]) -> tuple[DraftOrder, ...]:
    """Drafts whose removal may be offered: not those that the class has for information only."""
    warned = {one.order.medicine.ref.reference: one.order for one in culprits if one.role.tier == "warning"}
    return tuple(warned.values())


def indications_of(culprits: Iterable[Culprit]) -> tuple[str, ...]:
    """The reasons of the orders, in alphabetical order: what to consider instead goes by them."""
    return tuple(sorted({reason for culprit in culprits for reason in culprit.order.medicine.reasons}))


def order_finding(
    patient: PatientFacts,
    topic: str,
    orders: tuple[DraftOrder, ...],
    *,
    variant: str,
    indicator: Indicator,
    names: tuple[str, ...],
    values: Mapping[str, str] | None = None,
    notes: Iterable[str] = (),
    suggests: tuple[str, ...] = (),
    removes: bool = False,
    refs: tuple[Ref, ...] = (),
) -> Finding:
    """One finding about drafts as a whole rather than about the class of an ingredient."""
    return Finding(
        topic=topic,
        variant=variant,
        indicator=indicator,
        values=values or {},
        names=names,
        notes=frozenset({"medicine", *notes}),
        suggests=suggests,
        removes=orders if removes else (),
        drafts=orders,
        rests_on=(*patient.rls_refs, *(order.medicine.ref for order in orders), *refs),
    )


def fits_instead(patient: PatientFacts, ingredient: str) -> bool:
    """Whether a replacement may be proposed: no allergy to it, and allergies and medicines could be read."""
    return ingredient not in patient.allergies and not patient.unread & {Need.ALLERGIES, Need.MEDICATIONS}


def drugs_of(culprits: Iterable[Culprit]) -> Iterable[DrugLine]:
    """One line an ingredient: its evidence, and whether only its name was recognised."""
    for name, culprit in {culprit.ingredient: culprit for culprit in culprits}.items():
        by_name = culprit.order.medicine.product.recognised_by is RecognisedBy.NAME
        yield DrugLine(name, culprit.role.evidence, culprit.role.note, by_name=by_name)
