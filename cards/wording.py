"""Facts as the short plain texts that fill the slots of card texts. Escaping is compose's business."""

from collections.abc import Iterable
from decimal import Decimal

from cards.facts import Lab, LabResult, PatientFacts, RejectedResult, Unusable

_NAMES = {Lab.FERRITIN: "ferritin", Lab.TSAT: "transferrin saturation"}
# The reasons that explain to a prescriber why a result on record does not count; `NOT_PAIRED` and older ones follow.
_MOST_TOLD = 3


def number(value: Decimal) -> str:
    """A number without trailing zeros: 75, 74.8."""
    return f"{value.normalize():f}"


def amount(result: LabResult) -> str:
    """A result in its canonical unit, with its comparator: `62 ng/mL`, `<5 ng/mL`."""
    span = result.span
    if span.point is not None:
        return f"{number(span.point)} {result.unit}"
    if span.high is not None:
        return f"{'<=' if span.high_closed else '<'}{number(span.high)} {result.unit}"
    return (
        f"{'>=' if span.low_closed else '>'}{number(span.low)} {result.unit}"
        if span.low is not None
        else result.reported
    )


def _in_full(result: LabResult, shown: str, day: str) -> str:
    """A result with its day, the laboratory's own text where it differs, and its flag."""
    extra: list[str] = []
    if not result.computed and result.reported.replace(" ", "") != shown.replace(" ", ""):
        extra.append(f"reported as {result.reported}")
    if result.flag:
        extra.append(f"flagged {result.flag}")
    return f"{shown} on {day}" + (f" ({'; '.join(extra)})" if extra else "")


def panel_values(patient: PatientFacts) -> dict[str, str]:
    """The slots about ferritin and saturation; a slot whose fact is missing is left out."""
    panel = patient.panel
    values: dict[str, str] = {}
    for name, result in (("ferritin", panel.ferritin), ("tsat", panel.tsat)):
        if result:
            shown, day = amount(result), result.on.isoformat()
            values |= {name: shown, f"{name}_day": day, f"{name}_full": _in_full(result, shown, day)}
    if panel.since:
        values["since"] = panel.since.isoformat()
    told = list(told_rejections(panel.rejected))
    if told:
        values["rejected"] = "; ".join(told)
    return values


def told_rejections(rejected: Iterable[RejectedResult]) -> Iterable[str]:
    """The latest results of ferritin and saturation that do not count, each with its reason."""
    telling = [one for one in rejected if one.lab in _NAMES and one.why is not Unusable.NOT_FINAL]
    for one in reversed(telling[-_MOST_TOLD:]):
        value = f" {one.reported}" if one.reported else ""
        dated = f" of {one.on.isoformat()}" if one.on else ""
        yield f"{_NAMES[one.lab]}{value}{dated} ({one.why})"
