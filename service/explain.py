"""Why a rule spoke or stayed silent, as the sentence that the command line and the preview show."""

from cards import Knowledge, Outcome, Result


def sentence(outcome: Outcome, knowledge: Knowledge) -> str:
    """The reviewed sentence of `knowledge/silences.yaml`, what was not answered, or "shown"."""
    if outcome.result is Result.STARVED and outcome.starved_of:
        return f"not answered: {', '.join(sorted(outcome.starved_of))}"
    unread = f" (could not read: {', '.join(sorted(outcome.unread))})" if outcome.unread else ""
    return f"{knowledge.silences.get(outcome.why or '', outcome.why or 'shown')}{unread}"
