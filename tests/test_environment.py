"""Where a process finds its data: flag, then variable, then file."""

from pathlib import Path

import pytest

from core import environment
from core.environment import read_environment
from core.errors import ConfigurationError


@pytest.fixture
def machine_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "DATABASE_URL", "DROP", "KEY_FILE", "CONFIG"):
        monkeypatch.delenv(f"POSTROOM_{name}", raising=False)
    path = tmp_path / "postroom.toml"
    monkeypatch.setattr(environment, "MACHINE_FILE", path)
    return path


def test_flag_beats_variable_beats_file(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('home = "/file"\ndrop = "/file/drop"\ndatabase_url = "postgresql://file/x"\n')
    found = read_environment(
        {"POSTROOM_CONFIG": str(config), "POSTROOM_HOME": "/variable", "POSTROOM_DROP": "/variable/drop"}, home="/flag"
    )
    assert (found.home, found.drop) == (Path("/flag"), Path("/variable/drop"))
    assert found.database_url == "postgresql://file/x"


def test_a_database_may_be_named_as_postgresqls_own_programs_take_it() -> None:
    named = {"POSTROOM_DATABASE_URL": "postgres://u@h/postgres://"}
    assert read_environment(named, home="/h").database_url == "postgresql://u@h/postgres://"


def test_the_machines_own_file_is_read_where_no_other_is_named(
    machine_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine_file.write_text('drop = "/var/spool/postroom"\n')
    assert read_environment(home="/home/x").drop == Path("/var/spool/postroom")
    (tmp_path / "mine.toml").write_text('drop = "/mine"\n')
    monkeypatch.setenv("POSTROOM_CONFIG", str(tmp_path / "mine.toml"))
    assert read_environment(home="/home/x").drop == Path("/mine")


def test_without_any_file_the_drop_folder_is_in_the_home(machine_file: Path) -> None:
    assert read_environment(home="/home/x").drop == Path("/home/x/drop")


@pytest.mark.parametrize(("text", "said"), [("drop = 7", "drop"), ("colour = 'red'", "colour"), ("x = = 1", "TOML")])
def test_a_file_that_makes_no_sense_is_named(machine_file: Path, text: str, said: str) -> None:
    machine_file.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_environment(home="/home/x")
    assert str(machine_file) in str(refused.value)
