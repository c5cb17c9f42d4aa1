"""The CDS Hooks service: the only package with network, clock, environment and database."""

__version__ = "0.1.0"
