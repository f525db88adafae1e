"""The table in docs/test-connection.md is the one that tests of connections go by."""

import re

from core.protocols.causes import CAUSES
from tests.pages import page
from tui.cli.commands import PLACES

PAGE = page("test-connection")
SECTION = PAGE.partition("## Causes")[2].partition("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("|")][
    2:
]


def test_every_cause_stands_in_the_table_in_its_order() -> None:
    assert [row[0] for row in ROWS] == [cause.name for cause in CAUSES]
    assert len(ROWS) >= 25


def test_each_row_says_where_it_shows_and_what_to_change() -> None:
    for row, cause in zip(ROWS, CAUSES, strict=True):
        _, steps, seen, change = row
        assert seen
        assert change == cause.advice if cause.advice else change.endswith("."), cause.name
        if cause.phases:
            assert steps.split(", ") == [phase for phase in cause.phases if phase != "dot"], cause.name


def test_every_command_on_the_page_is_one() -> None:
    assert set(re.findall(r"^\$? ?postroom ([a-z]+)", PAGE, re.MULTILINE)) <= set(PLACES)
