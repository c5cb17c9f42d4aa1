"""Plain words of CodeableConcepts: status codes, and what a resource says of itself."""

from cards.fhir import CodeableConcept, codings_of


def words_of(concept: CodeableConcept | str | None) -> frozenset[str]:
    """The codes of a concept in lower case; its text only where it has no code."""
    codes = frozenset(coding.code.strip().lower() for coding in codings_of(concept) if coding.code)
    if codes or concept is None or isinstance(concept, str) or not concept.text:
        return codes
    return frozenset({concept.text.strip().lower()})
