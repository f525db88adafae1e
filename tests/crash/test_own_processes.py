"""What Postroom starts of itself is Postroom, wherever one stands who asks for it."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.handles import Handles
from core.inbound import retry
from core.inbound.run.alone import Alone
from core.models import Worker
from tests.accounts import ON_SQLITE, rows_of
from tests.waiting import PATIENCE, until
from tui.console.worker_process import start_worker

THEIRS = "import os; open(os.environ['MARK'], 'w').close(); os._exit(3)"


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What appears when a module of somebody else's is imported, who may write where we stand."""
    folder, mark = tmp_path / "theirs", tmp_path / "mark"
    folder.mkdir()
    for name in ("json.py", "core.py", "tui.py"):
        (folder / name).write_text(THEIRS)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MARK", str(mark))
    return mark


@ON_SQLITE
def test_the_process_that_takes_messages_alone(handles: Handles, mark: Path) -> None:
    alone = Alone(handles, cast(Any, SimpleNamespace()), cast(Any, SimpleNamespace()))
    try:
        alone.start()
    finally:
        alone.close()
    assert not mark.exists()


@ON_SQLITE
def test_the_process_that_takes_one_from_quarantine(handles: Handles, mark: Path) -> None:
    answer, _ = retry._answer(handles, 1, "")
    assert not mark.exists()
    assert answer is not None
    assert answer["is_not_found"]


@ON_SQLITE
def test_a_worker_that_the_console_starts(handles: Handles, mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Kept(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Kept)
    start_worker(handles.environment)
    (worker,) = started
    until(lambda: bool(rows_of(handles, Worker, "id")) or worker.poll() is not None)
    worker.terminate()
    worker.wait(PATIENCE)
    assert not mark.exists()
