"""Secrets that are looked for afterwards, in every form in which one may leak."""

import base64
import os
import sqlite3
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path


@cache
def forms_of(secret: str) -> dict[str, bytes]:
    """A secret as it stands in texts, dialogues, URLs and memory dumps."""
    plain = secret.encode()
    # Base64 of a longer text holds one of three shapes of it, whatever stands around; groups at its edges depend on that.
    shifted = {
        f"base64 at {skip}": base64.b64encode(b"x" * skip + plain)[4 if skip else 0 : 4 * ((skip + len(plain)) // 3)]
        for skip in range(3)
    }
    return {
        "plain": plain,
        "reversed": plain[::-1],
        "hexadecimal": plain.hex().encode(),
        "in a URL": urllib.parse.quote(secret, safe="").encode(),
        "UTF-16": secret.encode("utf-16-le"),
        "escaped": repr(secret)[1:-1].encode(),
        **shifted,
    }


class Canaries:
    """Named secrets; `found_in` tells which of them something holds, and in which form."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.secrets = dict(secrets)

    def __getitem__(self, name: str) -> str:
        return self.secrets.setdefault(name, f"kanarie.{name}+{os.urandom(6).hex()}/vogel")

    def found_in(self, what: bytes | str) -> list[str]:
        """`password of an account, plain`, for each that is there."""
        content = what.encode(errors="surrogateescape") if isinstance(what, str) else what
        return [
            f"{name}, {form}"
            for name, secret in self.secrets.copy().items()  # more may be named while another thread looks
            for form, shape in forms_of(secret).items()
            if shape in content
        ]

    def found_in_files(self, folder: Path, *, but: Iterable[str] = ()) -> list[str]:
        """The same for every file below a folder."""
        files = [path for path in folder.rglob("*") if path.is_file() and path.name not in but]
        return [f"{path.name}: {one}" for path in files for one in self.found_in(path.read_bytes())]

    def found_in_columns(self, database: Path) -> list[str]:
        """The same for every value of every row of an SQLite database."""
        found = []
        with closing(sqlite3.connect(database)) as connection, connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                rows = connection.execute(f'SELECT * FROM "{table}"')
                names = [one[0] for one in rows.description]
                for row in rows:
                    for name, value in zip(names, row, strict=True):
                        found += [f"{table}.{name}: {one}" for one in self.found_in(_bytes_of(value))]
        return found

    def found_in_processes(self) -> list[str]:
        """The same for the arguments of every process of this machine, as anybody sees them."""
        return [f"{pid}: {one}" for pid, line in command_lines() for one in self.found_in(line)]


def command_lines() -> Iterator[tuple[int, bytes]]:
    """What /proc shows of each process."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                yield int(folder.name), (folder / "cmdline").read_bytes()
            except OSError:
                continue  # it has ended meanwhile


def _bytes_of(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogateescape")
