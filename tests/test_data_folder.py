"""A data folder that a group may write: what it puts in the place of a file of ours is not taken for ours."""

import os
from pathlib import Path

import pytest

from core.data_folder import belong_as, belong_to_folder, opened_file
from core.environment import read_environment
from core.errors import CannotWrite
from core.gateway import open_gateway


@pytest.mark.parametrize("put", [os.symlink, os.link, lambda _, file: os.mkfifo(file)])
def test_a_link_or_pipe_in_the_place_of_a_file_is_not_opened(put, tmp_path: Path) -> None:
    key, file = tmp_path / "key", tmp_path / "worker.log"
    key.touch(0o600)
    put(key, file)

    for attempt in (
        lambda: opened_file(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT),
        lambda: belong_to_folder(file),
        lambda: belong_as(file, tmp_path.stat()),
    ):
        with pytest.raises(OSError):
            attempt()
    assert key.stat().st_mode & 0o777 == 0o600


def test_whoever_takes_the_database_away_gets_no_key_opened_to_the_group(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_gateway(read_environment({}, home=str(home))).close()
    home.chmod(0o2770)
    for file in (*home.glob("postroom.db*"), home / ".making"):
        file.unlink()
    (home / ".making").symlink_to("key")

    with pytest.raises(CannotWrite):
        open_gateway(read_environment({}, home=str(home)))

    assert (home / "key").stat().st_mode & 0o777 == 0o600
