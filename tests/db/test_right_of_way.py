"""Who writes a row goes before who writes batch after batch."""

import threading
import time
from pathlib import Path

import pytest

from core.db import right_of_way
from core.db.right_of_way import LONGEST, RightOfWay
from tests.waiting import PATIENCE, until


def test_a_batch_waits_while_somebody_with_a_row_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(right_of_way, "LONGEST", 10 * PATIENCE)
    batch, row = RightOfWay(tmp_path / "a.db"), RightOfWay(tmp_path / "a.db")
    began, looks, is_claimed = threading.Event(), list[bool](), batch.is_claimed

    def begin() -> None:
        batch.give_way()
        began.set()

    def looking() -> bool:
        looks.append(is_claimed())
        return looks[-1]

    monkeypatch.setattr(batch, "is_claimed", looking)
    with row.claimed():
        thread = threading.Thread(target=begin)
        thread.start()
        until(lambda: len(looks) > 3)
        assert not began.is_set()
    thread.join(PATIENCE)
    assert began.is_set()
    batch.close()
    row.close()


def test_no_crowd_of_rows_stops_the_batches(tmp_path: Path) -> None:
    batch, row = RightOfWay(tmp_path / "a.db"), RightOfWay(tmp_path / "a.db")
    with row.claimed():
        started = time.monotonic()
        batch.give_way()
        assert time.monotonic() - started >= LONGEST
    batch.close()
    row.close()


def test_without_the_folder_all_go_on(tmp_path: Path) -> None:
    way = RightOfWay(tmp_path / "missing" / "a.db")
    with way.claimed():
        way.give_way()
    way.close()
