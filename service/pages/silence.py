"""Every card of the catalogue in one call: shown, or the reason why not."""

from collections.abc import Iterable
from dataclasses import dataclass

from cards import Catalogue, Decision, Outcome, Result
from service.explain import sentence

OTHER_HOOK = "other hook"
_WORDS = {
    Result.FIRED: "shown",
    Result.SILENT: "silent",
    Result.STARVED: "could not know",
    Result.WITHHELD: "withheld",
    Result.MERGED: "merged",
    Result.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class CardState:
    """One card of the catalogue. `result` is a word, `why` a sentence, `rests_on` names the resources looked at."""

    id: str
    topic: str
    display: str
    result: str
    why: str
    rests_on: tuple[str, ...] = ()


def together(states: Iterable[CardState]) -> list[tuple[CardState, tuple[CardState, ...]]]:
    """Cards that are silent for the same reason, each group with its first card, in the order of the ids."""
    groups: dict[tuple[str, str], list[CardState]] = {}
    for state in states:
        groups.setdefault((state.result, state.why), []).append(state)
    return [(group[0], tuple(group)) for group in groups.values()]


def every_card(decision: Decision, catalogue: Catalogue) -> list[CardState]:
    """One entry for each card, by its id."""
    states = [
        _state(decision, catalogue, rule.stem, topic, frozenset(hook.value for hook in rule.hooks))
        for rule in catalogue.rules
        for topic in rule.topics
    ]
    return sorted(states, key=lambda state: state.id)


def _state(decision: Decision, catalogue: Catalogue, stem: str, topic: str, hooks: frozenset[str]) -> CardState:
    text = catalogue.knowledge.guidance[stem].recommendation.cards[topic]
    of_rule = [outcome for outcome in decision.outcomes if outcome.rule == stem]
    own = [outcome for outcome in of_rule if outcome.topic == topic]
    unnamed = [outcome for outcome in of_rule if outcome.topic is None]
    if decision.hook.value not in hooks:
        return CardState(text.id, topic, text.display, OTHER_HOOK, f"It speaks at {' and '.join(sorted(hooks))} only.")
    if own or unnamed:
        outcome = (own or unnamed)[0]
        rests_on = tuple(sorted({ref.reference for ref in outcome.rests_on}))
        return CardState(text.id, topic, text.display, _word(outcome), _why(outcome, catalogue), rests_on)
    answered = next((outcome.topic for outcome in of_rule if outcome.topic), None)
    if answered is None:
        return CardState(text.id, topic, text.display, "silent", "No rule was asked.")
    other = catalogue.knowledge.guidance[stem].recommendation.cards[answered].display
    return CardState(text.id, topic, text.display, "silent", f"The same question is answered by “{other}”.")


def _word(outcome: Outcome) -> str:
    return _WORDS.get(outcome.result, outcome.result.value)


def _why(outcome: Outcome, catalogue: Catalogue) -> str:
    said = sentence(outcome, catalogue.knowledge)
    return f"{said[0].upper()}{said[1:]}" if said else ""
