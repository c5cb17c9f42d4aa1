"""A read or a search, page after page, becomes one Answer; what goes wrong on the way is its standing and its `why`."""

from dataclasses import dataclass

from cards import Answer, Standing
from service.bundles import decode_fhir
from service.fhir_client import FhirClient, NoAnswer
from service.fhir_queries import Asking, Query
from service.prefetch import next_page, page_of

# From good to bad: two pages together are as good as the worse of them.
_WORSE = (Standing.NOT_ANSWERED, Standing.ANSWERED, Standing.INCOMPLETE, Standing.FOREIGN, Standing.FAILED)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, and how many resources on its way could not be read."""

    answer: Answer
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Pages:
    """How answers of one server are read. `max_bytes` is for all pages of one search together, decompressed."""

    server: FhirClient
    asking: Asking
    patient_id: str
    max_pages: int
    max_bytes: int

    async def read(self, query: Query, resource_type: str) -> Fetched:
        """One resource. 404 and 410 are failures: a patient whose record is open exists."""
        try:
            value, unreadable = decode_fhir(await self.server.ask(query, self.max_bytes))
        except NoAnswer as fault:
            return Fetched(Answer(Standing.FAILED, why=str(fault)))
        return Fetched(page_of(value, self.patient_id, expected=resource_type), unreadable)

    async def search(self, query: Query, so_far: Answer | None = None) -> Fetched:
        """All pages of a search, beginning with `query`, added to what is there `so_far`."""
        answer, unreadable, room = so_far or Answer(), 0, self.max_bytes
        following: Query | None = query
        asked: set[Query] = set()
        while following:
            if following in asked or len(asked) >= self.max_pages:
                return Fetched(joined(answer, _unfinished("the Bundle has more pages than are read here")), unreadable)
            asked.add(following)
            try:
                body = await self.server.ask(following, room)
            except NoAnswer as fault:
                return Fetched(joined(answer, _stopped(answer, str(fault))), unreadable)
            room -= len(body)
            page, unread = decode_fhir(body)
            unreadable += unread
            answer = joined(answer, page_of(page, self.patient_id, expected="Bundle"))
            link = next_page(page)
            following = self.asking.page(link) if link else None
            if link and not following:
                answer = joined(answer, _unfinished("the next page is not on this FHIR server"))
        return Fetched(answer, unreadable)


def joined(one: Answer, other: Answer) -> Answer:
    """The resources of both; the standing, and the reason, of the worse."""
    worse = max(one, other, key=lambda answer: _WORSE.index(answer.standing))
    return Answer(worse.standing, one.resources + other.resources, worse.why)


def _unfinished(why: str) -> Answer:
    return Answer(Standing.INCOMPLETE, why=why)


def _stopped(so_far: Answer, why: str) -> Answer:
    """The first page failed: nothing is known. A later one: a part is."""
    return Answer(Standing.FAILED if so_far.standing is Standing.NOT_ANSWERED else Standing.INCOMPLETE, why=why)
