"""The service starts only where somebody decided who may call it."""

# ruff: noqa: S104
from pathlib import Path

import pytest

from service.posture import Posture, UnsafeStart, posture

REGISTRY = Path("clients.toml")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_no_registry_on_loopback_is_development(host):
    assert posture(host, None, allow_open=False) is Posture.DEVELOPMENT


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "10.0.0.1"])
def test_with_a_registry_callers_are_registered_wherever_it_binds(host):
    assert posture(host, REGISTRY, allow_open=False) is Posture.REGISTERED


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "cds.example.org"])
def test_no_registry_anywhere_else_refuses_to_start(host):
    with pytest.raises(UnsafeStart, match="RLS_CDS_CLIENT_REGISTRY") as refused:
        posture(host, None, allow_open=False)

    assert "127.0.0.1" in str(refused.value)
    assert "RLS_CDS_ALLOW_OPEN=1" in str(refused.value)


def test_an_open_service_must_be_asked_for():
    assert posture("0.0.0.0", None, allow_open=True) is Posture.OPEN


def test_a_registry_is_not_undone_by_allowing_open():
    assert posture("0.0.0.0", REGISTRY, allow_open=True) is Posture.REGISTERED
