"""The rows of CDS Hooks that this project holds itself to, in the order of the text, in our own short words.

Each line: id, level (as in CDS Hooks 3.0.0; lower case where the text does not capitalise it), who is bound (S the
service, C the client, SC both), what is asked. Sources: CDS Hooks 3.0.0 and its hook library; the project's best
practices for JWT-11 to JWT-15; for JWT-16 and CORS-2 what EHRs and the public sandbox do.
"""

from dataclasses import dataclass

_TEXT = """
GEN-1 | SHALL | SC | JSON over HTTPS
GEN-2 | SHALL | SC | FHIR resources inside are FHIR JSON
GEN-3 | SHALL NOT | SC | no member is null, an empty string, array or object, but for the named exceptions
GEN-4 | SHALL | SC | an optional member without a value is left out
GEN-5 | SHOULD NOT | SC | no comments and no trailing commas in JSON
GEN-6 | inference | S | unknown members are ignored
GEN-7 | info | - | CDS Hooks itself does not depend on the FHIR version
DOC-1 | encouraged | SC | what is supported is documented for people
DOC-2 | SHALL NOT | S | no actionSelectionBehavior unless the client is known to support it
DOC-3 | SHALL | C | the client says whether it supports actionSelectionBehavior
DISC-1 | SHALL | S | discovery is always there at GET {base}/cds-services
DISC-2 | SHALL | S | discovery answers an object with the array services
DISC-3 | should | S | without services the array is empty
DISC-4 | SHALL | S | each service names its hook
DISC-5 | SHOULD | S | each service has a title
DISC-6 | SHALL | S | each service has a description
DISC-7 | SHALL | S | each service has an id, which is the end of its URL
DISC-8 | MAY | S | prefetch is an object of names and FHIR queries, left out if empty
DISC-9 | MAY | S | usageRequirements tells preconditions
DISC-10 | SHOULD | S | version is the CDS Hooks version as semver
DISC-11 | SHALL | S | hookVersion, if given, is the published one
DISC-12 | statement | S | one endpoint for each version of a hook
DISC-13 | MAY | S | one id may serve several hooks
DISC-14 | SHALL | S | discovery answers 200
DISC-15 | MAY | S | discovery entries may carry extension
DISC-16 | SHALL | SC | discovery is authenticated like any call
DISC-17 | SHALL | S | prefetch entries follow those on which they depend
REQ-1 | SHALL | C | calls are POSTs of JSON to {base}/cds-services/{id}
REQ-2 | SHALL | C | hook is sent
REQ-3 | SHALL | C | hookInstance is a new UUID in each call
REQ-4 | SHALL | C | fhirServer is a URL, https for production data
REQ-5 | MAY | C | fhirAuthorization is left out when there is no token
REQ-6 | SHALL | C | context is sent
REQ-7 | MAY | C | prefetch may be sent
REQ-8 | MAY | C | extension may stand anywhere
REQ-9 | example | C | the body is declared as application/json
REQ-10 | SHALL | C | the resources of a context are of one FHIR version
REQ-11 | SHOULD | C | several resources of a context are a Bundle of type collection
REQ-12 | should | SC | a context holds what is in progress; other orders are asked for
REQ-13 | SHALL | C | prefetch holds only what this service asked for
FA-1 | SHALL | C | access_token is sent
FA-2 | SHALL | C | token_type is Bearer
FA-3 | SHALL | C | expires_in is given in seconds, and short
FA-4 | SHALL | C | scope is sent
FA-5 | SHALL | C | subject is sent
FA-6 | SHOULD | C | patient is sent with scopes of one patient
FA-7 | MAY | S | with a token the service may read more from the FHIR server
FA-8 | SHALL | S | the token goes along with each FHIR request
FA-9 | SHALL | S | the token is not kept
FA-10 | should | S | the token is never stored, passed on or logged
FA-11 | SHALL | C | the token is for this service and this call; none is used after the answer
FA-12 | should | S | data can be had by prefetch and from the FHIR server alike
FA-13 | SHALL | C | the service is registered with the client's authorisation server
PRE-1 | definition | S | a template is a read or a search, relative to the FHIR server
PRE-2 | SHALL | S | templates stand in discovery, one a key
PRE-3 | MAY | C | the client may fill none, some or all
PRE-4 | SHALL | C | what is prefetched is what the service would have read
PRE-5 | definition | C | a value is a resource or, for a search, a searchset Bundle
PRE-6 | SHALL | C | no data is null, or for a search an empty Bundle
PRE-7 | SHOULD | C | what failed is an OperationOutcome, or the key is left out
PRE-8 | SHOULD | S | each value is searched for an OperationOutcome
PRE-9 | responsibility | S | the service compares prefetch with templates and fetches what is missing
PRE-10 | SHALL | S | needed data that cannot be had is 412
PRE-11 | MAY | C | a search may be paged
PRE-12 | SHALL | S | tokens stand between double braces
PRE-13 | SHALL | S | a token is a field of the context or one of the user tokens
PRE-14 | SHALL | S | context fields are written context.<field>
PRE-15 | SHALL | S | up to 2.0.1 only fields that the hook marks as tokens
PRE-16 | definition | SC | user tokens are ids without a type
PRE-17 | may | S | a subset of FHIRPath may be used in tokens (3.0)
PRE-18 | SHOULD | C | clients know today() and days
PRE-19 | SHALL | S | ofType() takes a resource type
PRE-20 | SHOULD | C | clients follow paths to references
PRE-21 | definition | SC | several values become a list with commas
PRE-22 | may | S | %key refers to an earlier prefetch
PRE-23 | may | S | a pipe joins paths
PRE-24 | SHALL | S | templates keep to widely supported parameters
PRE-25 | should | C | _maxresults is looked up in the CapabilityStatement
PRE-26 | SHOULD | S | the answer is quick, of the order of 500 ms
RESP-1 | SHALL | S | success is 200 and an object with the array cards
RESP-2 | should | S | no guidance is 200 with no cards
RESP-3 | SHALL | S | 412 when needed FHIR data cannot be had
RESP-4 | MAY | S | other 4xx and 5xx are allowed
RESP-5 | SHOULD | S | errors carry an OperationOutcome
RESP-6 | MAY | S | systemActions is left out when empty
RESP-7 | info | SC | overlapping cards of several services are nobody's business
CARD-1 | MAY | S | each card has a unique uuid
CARD-2 | SHALL | S | summary is one sentence of fewer than 140 characters
CARD-3 | SHALL | S | detail is GitHub-Flavoured Markdown, careful with HTML
CARD-4 | SHALL | S | indicator is info, warning or critical
CARD-5 | SHALL | S | source is given, the primary one
CARD-6 | MAY | S | suggestions are an array
CARD-7 | SHALL | S | selectionBehavior stands where suggestions do
CARD-8 | SHALL | S | overrideReasons are Codings with a display
CARD-9 | MAY | S | links are an array
CARD-10 | MAY | S | cards may carry extension
SRC-1 | SHALL | S | source.label is given
SRC-2 | SHALL | S | source.url is an absolute URL
SRC-3 | SHOULD | S | source.icon is a PNG of 100 by 100
SRC-4 | MAY | S | source.topic is a Coding
SUG-1 | SHALL | S | a suggestion has a label
SUG-2 | MAY | S | a suggestion has a uuid
SUG-3 | SHALL | S | more than one recommended suggestion only where any may be chosen
SUG-4 | MAY | SC | actions are an array, not empty
SUG-5 | SHALL NOT | S | no actionSelectionBehavior without known support
ACT-1 | SHALL | S | type is create, update or delete
ACT-2 | SHALL | S | an action has a description
ACT-3 | SHALL | S | create carries the new resource
ACT-4 | SHALL | S | update carries the whole resource
ACT-5 | SHOULD | S | delete names the resource as Type/id in resourceId
SYS-1 | MAY | S | system actions have the shape of actions
SYS-2 | statement | S | system actions only by agreement
SYS-3 | info | - | no feedback on system actions
LINK-1 | SHALL | S | a link has a label
LINK-2 | SHALL | S | a link has a URL
LINK-3 | SHALL | S | type is absolute or smart
LINK-4 | SHALL NOT | S | no appContext on absolute links
LINK-5 | responsibility | S | with autolaunchable the launched app tells the rest
COD-1 | SHALL | S | a Coding has code and system, override reasons a display
FB-1 | SHOULD | SC | feedback is supported
FB-2 | SHALL | SC | feedback is a POST to the service's URL and /feedback
FB-3 | SHALL | C | the body has the array feedback
FB-4 | SHALL | C | card is the uuid of the card
FB-5 | SHALL | C | outcome is accepted or overridden
FB-6 | SHALL | C | acceptedSuggestions are named when accepted
FB-7 | SHALL | C | overrideReason holds a reason, a comment or both
FB-8 | SHALL | C | outcomeTimestamp is RFC 3339 in UTC
FB-9 | responsibility | S | several cards in one POST, and the same card again
FB-10 | definition | C | no feedback without a uuid
FB-11 | definition | C | feedback is authenticated like any call
FB-12 | unspecified | S | the answer to feedback
SEC-1 | SHALL | SC | all data goes over TLS
SEC-2 | SHOULD | SC | FHIR's security considerations are reviewed
SEC-3 | statement | S | discovery and services are secured by TLS
SEC-4 | SHOULD | S | authentication is required where data are at risk
SEC-5 | SHALL | S | patient data and tokens are protected
SEC-6 | MAY | SC | mutual TLS
SEC-7 | should | SC | authorisation and audit
SEC-8 | SHOULD | C | clients keep a list of allowed links
JWT-1 | SHALL | C | each request carries a bearer JWT
JWT-2 | SHALL | C | it is signed with the client's private key
JWT-3 | SHALL | C | header: alg, kid, typ JWT, perhaps jku
JWT-4 | SHALL | C | claims: iss, aud (one or several), exp, iat, jti, perhaps tenant
JWT-5 | SHALL | C | aud is the URL of the endpoint
JWT-6 | SHOULD | S | iss and jku are allow-listed
JWT-7 | SHALL | SC | keys come from a JWK Set, at jku or exchanged by hand
JWT-8 | SHALL NOT | SC | alg none is refused
JWT-9 | SHALL NOT | SC | HMAC is refused
JWT-10 | SHOULD | SC | ES384 and RS384 are recommended; the trusted algorithms are a list
JWT-11 | should | S | issuer, audience, expiry, tenant, signature and jti are checked
JWT-12 | should | S | jti is kept as long as a token may live
JWT-13 | should | S | remote JWK Sets are cached and rotate
JWT-14 | should | S | the JWT is never stored, passed on or logged
JWT-15 | should | S | an invalid JWT is a bare 401
JWT-16 | inference | - | nbf is honoured, sub is ignored
CORS-1 | will require | S | browser clients can call
CORS-2 | observed | S | the preflights of the public sandbox are answered before authentication
EXT-1 | reserved | SC | extension may stand on any object
EXT-2 | SHALL | SC | extension is a JSON object
EXT-3 | SHOULD | SC | names in it are globally unique
TRANS-1 | SHOULD | C | cards belong to their call
TRANS-2 | SHOULD | SC | one id for several hooks means that cards are updated
TRANS-3 | will need | S | which hooks safety depends on is agreed with the client
HOOK-1 | SHALL | - | hooks of one's own have reverse-domain names
HOOK-2 | SHALL | - | a hook that breaks gets a new name
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement."""

    id: str
    level: str
    binds: str
    text: str


ROWS = tuple(Row(*(cell.strip() for cell in line.split(" | "))) for line in _TEXT.strip().splitlines())
