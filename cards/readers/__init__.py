"""FHIR in, facts out: each file reads one thing."""
