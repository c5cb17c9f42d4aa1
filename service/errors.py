"""The tree of what can go wrong while a call is answered; no error carries patient data."""


class ServiceError(Exception):
    """Anything the service itself raises. The text is for an integrator and never holds input values."""


class BadRequest(ServiceError):
    """The request cannot be understood: malformed JSON, a missing or wrongly typed required field."""

    def __init__(self, text: str, *, expression: str | None = None) -> None:
        super().__init__(text)
        self.expression = expression


class WrongHook(BadRequest):
    """`hook` in the body is not the hook of the service that was called."""


class UnknownService(ServiceError):
    """No service has the id in the path."""


class UnsupportedMediaType(ServiceError):
    """The body is not declared as JSON."""


class TooLarge(ServiceError):
    """The body is over the configured limit."""


class EvidenceUnavailable(ServiceError):
    """Needed FHIR data came neither by prefetch nor by FHIR access."""


class NotTrusted(ServiceError):
    """The caller could not be authenticated. The text goes to the log only; the answer is a bare 401."""


class NotEntitled(ServiceError):
    """The caller is known but its tenant may not use this service."""


class Unavailable(ServiceError):
    """Something that the answer needs is away for now, for instance the store."""


class Overloaded(ServiceError):
    """Too many calls at once, or the deadline passed. `retry_after_s`: whole seconds until trying again is of use."""

    retry_after_s = 1


def where(error: Exception) -> str:
    """The type and the places of an error, without its text: that may hold input."""
    places: list[str] = []
    trace = error.__traceback__
    while trace:
        places.append(f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' > '.join(places[-6:])}"
