"""How many cases are tried: a small seeded share in `make test`, FUZZ_CASES of them in `make fuzz`."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from cards import Knowledge
from tests.fuzz.target import Target

IN_MAKE_TEST = 2_500


@pytest.fixture(scope="session")
def cases() -> int:
    """All cases together."""
    return int(os.environ.get("FUZZ_CASES") or IN_MAKE_TEST)


@pytest.fixture(scope="session")
def chance_seed() -> int:
    """Where the choices begin: the same each time, unless FUZZ_SEED says otherwise."""
    return int(os.environ.get("FUZZ_SEED") or 1)


@pytest.fixture(scope="module")
def target(knowledge: Knowledge) -> Iterator[Target]:
    made = Target(knowledge)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def counted(target: Target, record_property) -> Iterator[None]:
    target.seen.clear()
    yield
    record_property("seen", dict(target.seen))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many requests were sent."""
    # Teardowns that passed stand under the empty word.
    reports = terminalreporter.stats.get("", [])
    seen = sum((Counter(dict(one.user_properties).get("seen")) for one in reports if one.when == "teardown"), Counter())
    if seen:
        answers = ", ".join(f"{count} {what}" for what, count in sorted(seen.items()))
        terminalreporter.section("fuzz")
        terminalreporter.write_line(f"{seen.total()} requests, seed {os.environ.get('FUZZ_SEED') or 1}: {answers}")
