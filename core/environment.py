"""Where this Postroom lives: read once at the start, from flags, environment and a file, then handed down.

Imports nothing but the standard library (and platformdirs when no home is given), because `postroom send` starts here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError

MACHINE_FILE = Path("/etc/postroom.toml")
"""Read where `POSTROOM_CONFIG` names no other: so that every user's `sendmail` finds the same drop folder."""

_KEYS = ("home", "database_url", "drop", "key_file", "scripts", "group")
_KEYRING = "keyring:"


@dataclass(frozen=True)
class Environment:
    """The paths and the database that one process works with."""

    home: Path
    """The data folder. Default: the platform's (`POSTROOM_HOME`)."""

    database_url: str
    """Default: SQLite in the home (`POSTROOM_DATABASE_URL`, `postgresql://…` for several machines)."""

    drop: Path
    """The drop folder of `postroom send`. Default: `drop` in the home (`POSTROOM_DROP`)."""

    key_file: Path | None = None
    """The key that opens secrets. Default: a systemd credential, else `key` in the home (`POSTROOM_KEY_FILE`)."""

    keyring: str | None = None
    """The entry of the system's keyring that holds the key instead; empty: named for the home. `POSTROOM_KEY_FILE`
    says so with `keyring:` or `keyring:NAME`."""

    scripts_folder: Path | None = None
    """Where the MIME scripts lie, if not in the home (`POSTROOM_SCRIPTS`)."""

    group: str = "postroom"
    """The group that a new data folder is shared with, where it exists (`POSTROOM_GROUP`)."""

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is the embedded one."""
        return self.database_url.startswith("sqlite")

    @property
    def database_file(self) -> Path:
        """The SQLite file; meaningless for PostgreSQL."""
        return Path(self.database_url.removeprefix("sqlite:///"))

    @property
    def key_setting(self) -> str:
        """What `POSTROOM_KEY_FILE` says of this to a process that we start; empty: nothing."""
        return f"{_KEYRING}{self.keyring}" if self.keyring is not None else str(self.key_file or "")

    @property
    def scripts(self) -> Path:
        """The folder of the MIME scripts. Default: `scripts` in the home."""
        return self.scripts_folder or self.home / "scripts"


def read_environment(variables: Mapping[str, str] | None = None, **flags: str | None) -> Environment:
    """The environment from flags, then `POSTROOM_*` variables, then the file that `POSTROOM_CONFIG` names.

    Without such a name the machine's own file is read, if it is there; not when `variables` are given.

    Raises:
        ConfigurationError: the file is missing, is no TOML, or holds an unknown key.
    """
    machine_file = str(MACHINE_FILE) if variables is None and MACHINE_FILE.exists() else None
    variables = os.environ if variables is None else variables
    named = {key: variables.get(f"POSTROOM_{key.upper()}") for key in _KEYS}
    filed = _read_file(variables.get("POSTROOM_CONFIG") or machine_file)
    chosen = {key: flags.get(key) or named[key] or filed.get(key) for key in _KEYS}
    home = Path(chosen["home"]).expanduser().absolute() if chosen["home"] else _platform_home()
    key_file = chosen["key_file"]
    if key_file == _KEYRING.removesuffix(":"):
        key_file = _KEYRING  # a file of that name, wherever one happens to be, would hold the key in clear
    keyring = key_file.removeprefix(_KEYRING) if key_file and key_file.startswith(_KEYRING) else None
    return Environment(
        home=home,
        database_url=spelled(chosen["database_url"] or f"sqlite:///{home / 'postroom.db'}"),
        drop=Path(chosen["drop"]).expanduser().absolute() if chosen["drop"] else home / "drop",
        key_file=Path(key_file).expanduser().absolute() if key_file and keyring is None else None,
        keyring=keyring,
        group=chosen["group"] or "postroom",
        scripts_folder=Path(chosen["scripts"]).expanduser().absolute() if chosen["scripts"] else None,
    )


def spelled(url: str) -> str:
    """PostgreSQL's own programs take `postgres://` as well."""
    return url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url


def _read_file(name: str | None) -> dict[str, str]:
    if not name:
        return {}
    import tomllib  # late: `postroom send` seldom needs it

    try:
        content = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"The settings in {name} cannot be read: {error.strerror}. Make it readable for this user, or name another "
            "file in POSTROOM_CONFIG."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{name} is not valid TOML: {error}.") from error
    values = {key.lower().removeprefix("postroom_"): value for key, value in content.items()}
    for key, value in values.items():
        if key not in _KEYS or not isinstance(value, str):
            raise ConfigurationError(f"{name}: {key}: only {', '.join(_KEYS)} may stand here, each a string.")
    return values


def _platform_home() -> Path:
    from platformdirs import user_data_path

    return user_data_path("postroom", appauthor=False)
