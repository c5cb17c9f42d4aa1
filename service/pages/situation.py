"""What the preview's page sends: the patient that was picked or pasted, and what the form says of it."""

from typing import Any, Literal, TypeVar

import msgspec

from service.errors import BadRequest

T = TypeVar("T")
HookName = Literal["patient-view", "order-select", "order-sign"]


class _Sent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the body that our own script sends; unknown members are ignored."""


class MedicineRow(_Sent, frozen=True):
    """An active medicine. `id` names the resource that it was read from, empty for a new one; `since` is a day or empty."""

    id: str = ""
    drug: str = ""
    since: str = ""


class DraftRow(_Sent, frozen=True):
    """A drafted order. `reason` is the name of a value set; `dose` as `300 mg`, `per_day` a number, each or empty."""

    id: str = ""
    drug: str = ""
    reason: str = ""
    dose: str = ""
    per_day: str = ""


class Form(_Sent, frozen=True):
    """The fields as they stand on the page. Empty text: not known; results may have a comparator, as in `<5`."""

    hook: HookName = "patient-view"
    age: str = ""
    ferritin: str = ""
    ferritin_on: str = ""
    tsat: str = ""
    tsat_on: str = ""
    pregnant: bool = False
    weeks: str = ""
    dialysis: bool = False
    medicines: tuple[MedicineRow, ...] = ()
    drafts: tuple[DraftRow, ...] = ()


class Situation(_Sent, frozen=True):
    """A fixture patient by name, or what was pasted (kept nowhere), changed by the form where there is one.

    `instance` is the hookInstance of the calls: it stays the same while one patient is tried.
    """

    sample: str | None = None
    pasted: dict[str, Any] | None = None
    form: Form | None = None
    instance: str = ""


def decoded(body: bytes, shape: type[T]) -> T:
    """The body in its shape. Raises `BadRequest` without any of its content."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        place = str(error).partition(" - at ")[2].strip("`").removeprefix("$.")
        raise BadRequest("this is not what the page sends", expression=place or "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("the body is not JSON", expression="body") from None
