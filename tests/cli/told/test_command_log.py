"""What is logged while a command runs."""

import logging

import pytest

from core.environment import Environment
from tui.cli.told.command_log import told_to_person
from tui.cli.words.options import Invocation


def test_ours_is_said_and_what_libraries_warn_of_is_not(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as without a test runner
    with told_to_person(Invocation(environment=environment)):
        logging.getLogger("psycopg").warning("error ignored terminating <Pipeline [BAD]>")
        logging.getLogger("postroom.fetch").warning("Something is as it should not be.")
    assert capsys.readouterr().err == "postroom: Something is as it should not be.\n"
    assert logging.getLogger().handlers == []
