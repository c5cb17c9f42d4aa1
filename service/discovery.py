"""The three services as EHRs see them: names, descriptions, prefetch templates."""

from dataclasses import dataclass

import msgspec

from cards import Catalogue, Hook, Site
from service.errors import UnknownService

CDS_HOOKS_VERSION = "3.0.0"
USAGE = (
    "Prefetch is optional. Without FHIR access send at least 'conditions' and 'patient'. Answers adults, children from two "
    "years and pregnant patients with restless legs syndrome; the content is a draft until a clinician has signed it."
)


@dataclass(frozen=True, slots=True)
class Description:
    """One entry of discovery, apart from what follows from the knowledge."""

    id: str
    hook: Hook
    title: str
    description: str


SERVICES = (
    Description(
        "rls-patient-view",
        Hook.PATIENT_VIEW,
        "Restless legs syndrome: iron and medicines at chart opening",
        "For patients with restless legs syndrome: iron studies that are due or call for treatment, medicines that may "
        "worsen it, and factors that can be changed.",
    ),
    Description(
        "rls-order-select",
        Hook.ORDER_SELECT,
        "Restless legs syndrome: orders that can worsen it, when picked",
        "For patients with restless legs syndrome: newly selected orders that may worsen it, and iron orders to check.",
    ),
    Description(
        "rls-order-sign",
        Hook.ORDER_SIGN,
        "Restless legs syndrome: orders that can worsen it, when signed",
        "For patients with restless legs syndrome: warns of new orders that may worsen it, before they are signed.",
    ),
)
BY_ID = {service.id: service for service in SERVICES}


def described(service_id: str) -> Description:
    """The service with an id. Raises `UnknownService`."""
    service = BY_ID.get(service_id)
    if service is None:
        raise UnknownService("no CDS service has this id; see /cds-services")
    return service


def discovery(catalogue: Catalogue, site: Site | None = None) -> bytes:
    """The body of GET /cds-services (DISC rows). It never changes while the process lives, but for a client whose site has
    laboratory codes of its own: its prefetch names them too.
    """
    entries = [
        {
            "id": service.id,
            "hook": service.hook.value,
            "title": service.title,
            "description": service.description,
            "version": CDS_HOOKS_VERSION,
            "usageRequirements": USAGE,
            "prefetch": catalogue.prefetch(service.hook, site),
        }
        for service in SERVICES
    ]
    return msgspec.json.encode({"services": entries})
