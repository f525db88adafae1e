"""What is refused, is refused on the command line and in a file, with the names and the code."""

from pathlib import Path

import pytest
import tomlkit

from tests.cli.conftest import Shell
from tests.guards import ON_DELETE, ON_SAVE, WORLD


@pytest.fixture
def world(postroom: Shell) -> Shell:
    postroom.ok("config", "import", "-", stdin=WORLD.encode())
    return postroom


def test_a_change_is_refused_with_what_is_wrong(world: Shell, tmp_path: Path) -> None:
    before = world.ok("config", "export").out
    for one in ON_SAVE:
        words = [f"{field}={tomlkit.item(value).as_string()}" for field, value in one.given.items()]
        by_command = world("set", one.kind, one.name, *words)
        assert (by_command.code, one.said in by_command.err) == (65, True), by_command

        file = tmp_path / "change.toml"
        file.write_text(tomlkit.dumps({one.kind: [{"name": one.name, **one.given}]}), encoding="utf-8")
        by_file = world("config", "import", str(file))
        assert (by_file.code, one.said in by_file.err) == (65, True), by_file
        assert f'{file}: {one.kind} "{one.name}": {one.field}: ' in by_file.err
    assert world.ok("config", "export").out == before


def test_a_delete_is_refused_with_the_names_of_those_who_need_it(world: Shell) -> None:
    for kind, name, said in ON_DELETE:
        ended = world("delete", kind, name)
        assert (ended.code, said in ended.err) == (65, True), ended
    # In the right order all of it can go.
    world.ok("set", "mailbox", "b", "failover=")
    world.ok("delete", "mailbox", "c")
