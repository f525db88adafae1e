"""What breaks within the console is told where somebody waits, and written down."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.handles import Handles
from core.protocols import causes
from core.resources.account import ACCOUNT
from core.resources.mailbox import MAILBOX
from core.services.actor import Actor
from core.services.connection_tests import test_orders
from tests.console.conftest import Opener
from tests.console.rows import add_account
from tui.console import mended_in
from tui.console.fault_log import FILE, LOG, keep_faults


@pytest.fixture
def fault_file(handles: Handles) -> Iterator[Path]:
    handler = keep_faults(handles.environment.home)
    yield handles.environment.home / FILE
    LOG.removeHandler(handler)


async def test_a_test_that_breaks_is_over_and_says_so(
    open_console: Opener, handles: Handles, actor: Actor, monkeypatch: pytest.MonkeyPatch, fault_file: Path
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ImportError("cannot import name 'counted'")

    add_account(handles, actor, "support")
    monkeypatch.setattr(test_orders, "steps", broken)
    async with open_console() as console:
        await console.press("t")
        await console.until_seen("A fault of ours, ImportError")
        said = " ".join(console.text.replace("│", " ").split())
        assert "If Postroom was upgraded meanwhile, leave the console and open it again." in said
    assert "cannot import name 'counted'" in fault_file.read_text()
    assert stat.S_IMODE(fault_file.stat().st_mode) == 0o600


def test_every_cause_that_has_a_field_is_one_that_tests_tell() -> None:
    assert set(mended_in.FIELDS) <= {cause.name for cause in causes.CAUSES}


@pytest.mark.parametrize(
    ("cause", "kind", "field"),
    [
        ("password", ACCOUNT, "password"),
        ("password", MAILBOX, "password"),
        ("refused", ACCOUNT, "port"),
        ("refused", MAILBOX, "template"),
        ("sender not allowed", MAILBOX, "default_sender"),
        ("server busy", ACCOUNT, ""),
    ],
)
def test_a_cause_is_mended_in_a_field_of_the_form(cause: str, kind: Any, field: str) -> None:
    assert mended_in.field_for(cause, [one.name for one in kind.fields]) == field
