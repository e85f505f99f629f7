"""A pytest plugin: where CI is set, a skipped test fails the run.

A test that skips for want of a server or a tool proves nothing, so on CI that is a failure;
on a developer's machine it stays a skip.
"""

import os

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run that passed with skips into a failed one."""
    if not os.environ.get("CI") or hasattr(session.config, "workerinput"):
        return
    if skipped_tests(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why the run failed."""
    skipped = skipped_tests(terminalreporter.config)
    if os.environ.get("CI") and skipped:
        terminalreporter.write_line(f"{skipped} skipped: on CI a skip is a failure", red=True)


def skipped_tests(config: pytest.Config) -> int:
    """How many tests or modules were skipped so far."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", [])) if reporter else 0
