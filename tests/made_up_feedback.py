"""Half a year of made-up but plausible calls and answers, always the same: for pictures and for the tests of Insight."""

import random
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from cards import Knowledge
from service.feedback import FeedbackEntry, Reason
from service.store import (
    AnsweredCall,
    CallOutcome,
    Change,
    Database,
    FeedbackWriter,
    IssuedCard,
    PublishedReasons,
    record,
)
from service.store.issued_writer import write_calls

CLIENTS = {"north-hospital": 0.65, "city-clinic": 0.35}
# topic: (hook, indicator, cards a week, accepted share, overridden share)
CARDS = {
    "ironTreatAdult": ("patient-view", "warning", 16, 0.46, 0.24),
    "ironStudiesDue": ("patient-view", "info", 19, 0.41, 0.18),
    "ironIvOnly": ("patient-view", "info", 5, 0.22, 0.31),
    "oralIronNonresponse": ("patient-view", "info", 4, 0.33, 0.2),
    "medicationReview": ("patient-view", "info", 8, 0.0, 0.29),
    "augmentationCheck": ("patient-view", "info", 6, 0.0, 0.22),
    "d2Antiemetic": ("order-sign", "warning", 9, 0.52, 0.26),
    "sedatingAntihistamine": ("order-sign", "warning", 12, 0.38, 0.35),
    "mirtazapine": ("order-select", "warning", 5, 0.17, 0.55),
    "antipsychotic": ("order-sign", "warning", 4, 0.08, 0.68),
    "serotonergicAntidepressant": ("order-select", "info", 11, 0.05, 0.44),
    "dopaminergicStart": ("order-sign", "warning", 4, 0.28, 0.4),
    "ironOrderSafety": ("order-sign", "critical", 1, 0.6, 0.3),
}
# What most calls end with: nothing to say.
QUIET_A_WEEK = {"patient-view": 620, "order-select": 380, "order-sign": 340}
_SECONDS = (4, 7, 9, 12, 18, 25, 40, 70, 140, 420)


def fill(database: Database, knowledge: Knowledge, today: date, weeks: int = 26) -> None:
    """Write `weeks` weeks up to yesterday, under two knowledge versions, with three changes of the site."""
    chance = random.Random(8)  # noqa: S311 - plausible, not secret
    reasons = knowledge.override_reasons.reasons.values()
    published = PublishedReasons([(reason.code, reason.display) for reason in reasons])
    writer = FeedbackWriter(database, published)
    versions = (f"0.0.9+{'5d1c20aa93f1'}", f"{knowledge.version}+{knowledge.digest}")
    for week in range(weeks, 0, -1):
        monday = today - timedelta(days=today.weekday() + 7 * (week - 1))
        calls, answers = _week(chance, knowledge, monday, today, versions[week <= weeks // 2], weeks - week)
        write_calls(database, calls)
        for client, entries in answers.items():
            writer.write_now(entries, client, "rls-patient-view")
    _changes(database, today)


def _week(
    chance: random.Random, knowledge: Knowledge, monday: date, today: date, version: str, number: int
) -> tuple[list[AnsweredCall], dict[str, list[FeedbackEntry]]]:
    calls: list[AnsweredCall] = []
    answers: dict[str, list[FeedbackEntry]] = {client: [] for client in CLIENTS}
    for topic, (hook, indicator, often, accepted, overridden) in CARDS.items():
        # Fewer mirtazapine cards after the site put its wording right; a little more of everything as wards join.
        wanted = often * (0.75 + 0.5 * number / 26) * chance.uniform(0.75, 1.25)
        for _ in range(round(wanted)):
            at = _moment(chance, monday, today)
            client = chance.choices(list(CLIENTS), list(CLIENTS.values()))[0]
            card = str(UUID(int=chance.getrandbits(128), version=4))
            issued = IssuedCard(card=card, topic=topic, rule="", indicator=indicator, suggestions=("one",))
            calls.append(_call(chance, at, client, hook, version, issued))
            learnt = 0.05 * (number > 12)
            fate = chance.random()
            if fate < (accepted + learnt if accepted else 0):
                entry = FeedbackEntry(card, "accepted", _later(chance, at), suggestions=("one",))
            elif fate < accepted + learnt + overridden:
                entry = FeedbackEntry(
                    card, "overridden", _later(chance, at), reasons=(_reason(chance, knowledge, topic),)
                )
            else:
                continue
            answers[client].append(entry)
    for hook, often in QUIET_A_WEEK.items():
        for _ in range(round(often / 20 * chance.uniform(0.9, 1.1))):
            client = chance.choices(list(CLIENTS), list(CLIENTS.values()))[0]
            at = _moment(chance, monday, today)
            calls += [AnsweredCall(at=at, client=client, hook=hook, outcome=CallOutcome.NO_CARD)] * 20
    return calls, answers


def _call(chance: random.Random, at: datetime, client: str, hook: str, version: str, card: IssuedCard) -> AnsweredCall:
    return AnsweredCall(
        at=at,
        client=client,
        hook=hook,
        outcome=CallOutcome.CARDS,
        hook_instance=str(UUID(int=chance.getrandbits(128), version=4)),
        knowledge_version=version,
        cards=(card,),
    )


def _moment(chance: random.Random, monday: date, today: date) -> datetime:
    """In working hours of a working day, never later than yesterday."""
    day = min(monday + timedelta(days=chance.choice((0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5))), today - timedelta(days=2))
    return datetime.combine(day, time(chance.randint(7, 17), chance.randint(0, 59)), UTC)


def _later(chance: random.Random, at: datetime) -> datetime:
    return at + timedelta(seconds=chance.choice(_SECONDS))


def _reason(chance: random.Random, knowledge: Knowledge, topic: str) -> Reason:
    """One of the reasons that the card lists, the first ones more often."""
    card = knowledge.guidance[knowledge.card_home[topic]].recommendation.cards[topic]
    names = card.override_reasons
    name = chance.choices(names, [len(names) - place for place in range(len(names))])[0]
    reason = knowledge.override_reasons.reasons[name]
    return Reason(code=reason.code, display=reason.display)


def _changes(database: Database, today: date) -> None:
    for days, what, value, reason in (
        (96, "card.serotonergicAntidepressant", "shadow", "Too many overrides; looked at by the medicines group"),
        (61, "cap.patient-view", "1", "One card is read, two are not"),
        (33, "cap.patient-view", None, "Back to two after the review"),
    ):
        at = datetime.combine(today - timedelta(days=days), time(9, 30), UTC)
        record(database, Change(at=at, by="safety officer", client=None, what=what, value=value, reason=reason))
