"""Runs as a person follows them: the tail of their lines, and which are at work."""

from typing import Any

from core.handles import Handles
from core.models import Run
from core.services.actor import Actor
from core.services.looking import runs
from tests.services.traffic import add_lines
from tests.services.worlds import NOW, put


def _texts(rows: list[dict[str, Any]]) -> list[str]:
    return [row["text"] for row in rows]


def test_a_tail_gives_what_was_not_seen_of_every_run(handles: Handles, admin: Actor) -> None:
    put(handles, *(Run(account_id=n, account=f"a{n}", started_at=NOW) for n in (1, 2)))
    add_lines(handles, 1, 1, 3)
    add_lines(handles, 2, 1, 1)

    first = runs.tail(handles, admin, {})
    assert sorted(_texts(first)) == ["1.1", "1.2", "1.3", "2.1"]
    assert {row["account"] for row in first} == {"a1", "a2"}
    assert runs.tail(handles, admin, {1: 3, 2: 1}) == []

    add_lines(handles, 2, 2, 3)
    put(handles, Run(account_id=3, account="a3", started_at=NOW))
    add_lines(handles, 3, 1, 1)
    assert sorted(_texts(runs.tail(handles, admin, {1: 3, 2: 1}))) == ["2.2", "2.3", "3.1"]


def test_a_tail_gives_whoever_is_far_behind_the_newest_lines(handles: Handles, admin: Actor) -> None:
    put(handles, *(Run(account_id=n, account=f"a{n}", started_at=NOW) for n in (1, 2)))
    add_lines(handles, 1, 1, 50)
    add_lines(handles, 2, 1, 49)

    assert _texts(runs.tail(handles, admin, {}, at_most=3)) == ["1.49", "2.49", "1.50"]
    assert _texts(runs.tail(handles, admin, {1: 48, 2: 10}, at_most=3)) == ["1.49", "2.49", "1.50"]


def test_running_runs_are_those_at_work(handles: Handles, admin: Actor) -> None:
    put(
        handles,
        Run(account_id=1, account="a", started_at=NOW),
        Run(account_id=2, account="b", started_at=NOW, state="ok"),
    )

    assert [row["account"] for row in runs.running(handles, admin)] == ["a"]
    assert [row["account"] for row in runs.recent(handles, admin)] == ["b", "a"]
