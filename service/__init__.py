"""The CDS Hooks service: the only package with network, clock, environment and database."""
