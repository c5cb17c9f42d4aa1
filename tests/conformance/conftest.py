"""The matrix at the end of a run of the conformance tests."""

import pytest

for name in ("bench", "surface", "calls", "answers", "replies", "trust"):
    pytest.register_assert_rewrite(f"tests.conformance.{name}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Each row with what was checked; one that failed says so in its result."""
    lines = [
        dict(report.user_properties)["row"].replace(" passed ", " FAILED ", 1 if report.failed else 0)
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, [])
        if report.when == "call" and "row" in dict(report.user_properties)
    ]
    if lines and not terminalreporter.config.getoption("numprocesses", None):
        terminalreporter.section("conformance")
        terminalreporter.write_line("\n".join(lines))
