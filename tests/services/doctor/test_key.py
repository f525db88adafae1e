"""What doctor says of a key that the one who runs it may not read."""

import os
from dataclasses import replace

import pytest

from core.errors import SecretUnreadable
from core.handles import Handles
from core.services.doctor import machine
from core.services.doctor.examination import Level, examine
from tests.accounts import ON_SQLITE


@ON_SQLITE
@pytest.mark.parametrize(("owner", "level"), [(os.geteuid() + 1, Level.OK), (os.geteuid(), Level.ERROR)])
def test_a_key_that_is_another_users_is_no_error_though_the_home_is_ours(
    handles: Handles, monkeypatch: pytest.MonkeyPatch, owner: int, level: Level
) -> None:
    def refused(_environment: object) -> None:
        raise SecretUnreadable("The key is not for this user to read.")

    monkeypatch.setattr(machine, "find_key", refused)
    key = handles.environment.home / "elsewhere"
    key.write_text("k")
    os.chown(key, owner, -1)

    environment = replace(handles.environment, key_file=key)
    found = {one.check: one for one in examine(environment, lambda: handles)}["key"]

    assert (found.level, str(key) in found.text) == (level, level is Level.OK)
