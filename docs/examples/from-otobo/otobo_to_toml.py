"""OTOBO's queues, addresses, mail accounts and postmaster filters as a file for `postroom config import`.

Reads what otobo.sql gives, a row a line with tabs between, and writes TOML; README.md shows how.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator

Row = list[str]

_VALIDITY = {"1": "valid", "2": "invalid", "3": "invalid-temporarily"}
_CLOSED = {"1": "possible", "2": "reject", "3": "new"}
_LISTS = ("dynamic_fields", "types", "services", "slas", "priorities", "states", "owners")
# What OTOBO calls it, beside the name of the field.
_HEADERS = {"ReplyTo": "Reply-To"}
_GROUP = re.compile(r"(?<!\\)\((?!\?)")


def _toml(value: object) -> str:
    # JSON's strings, lists and booleans are TOML as they are.
    return json.dumps(value, ensure_ascii=False)


def _table(kind: str, **values: object) -> str:
    return "\n".join([f"[[{kind}]]", *(f"{name} = {_toml(value)}" for name, value in values.items())])


def _settings(rows: Iterable[Row]) -> str:
    lists: dict[str, list[str]] = {}
    for name, value in rows:
        lists.setdefault(name, []).append(value)
    return "\n".join(["[settings]", *(f"{name} = {_toml(values)}" for name, values in lists.items())])


def _queue(row: Row) -> str:
    name, valid_id, follow_up_id, address = row
    return _table("queue", name=name, validity=_VALIDITY[valid_id], closed=_CLOSED[follow_up_id], address=address)


def _address(row: Row) -> str:
    address, queue, display_name, valid_id = row
    return _table("address", address=address, queue=queue, display_name=display_name, validity=_VALIDITY[valid_id])


def _account(row: Row) -> str:
    login, server, kind, folder, trusted, queue = row
    host, _, port = server.partition(":")
    values: dict[str, object] = {"name": f"{login} at {host}", "type": kind, "host": host, "username": login}
    values |= {"port": int(port)} if port else {}
    values |= {"folders": [folder]} if folder else {}
    values |= {"dispatching": "queue", "queue": queue} if queue else {"dispatching": "to"}
    # Two systems that fetch one mailbox take each other's mail: it is made valid once OTOBO has let go of it.
    return _table("account", **values, trusted=trusted == "1", validity="invalid")


def _filters(rows: Iterable[Row]) -> Iterator[str]:
    found: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for name, stop, kind, *rest in rows:
        found.setdefault((name, stop), {"Match": [], "Set": []})[kind].append(rest)
    for (name, stop), parts in found.items():
        conditions = [
            f"{{ header = {_toml(_HEADERS.get(key, key))}, regex = {_toml(value)}, negate = {_toml(negate == '1')} }}"
            for key, value, negate in parts["Match"]
        ]
        values = [f"{_toml(key)} = {_toml(value)}" for key, value, _ in parts["Set"]]
        if any("[***]" in value for value in values) and any(len(_GROUP.findall(row[1])) > 1 for row in parts["Match"]):
            yield "# Look at this one: [***] was what the first group held, and is what the last one holds."
        yield f"[[filter]]\nname = {_toml(name)}\nstop = {_toml(stop == '1')}"
        yield f"match = [ {', '.join(conditions)} ]\nset = {{ {', '.join(values)} }}\n"


def _written(rows: list[Row]) -> Iterator[str]:
    yield _settings(row for row in rows if row[0] in _LISTS) + "\n"
    for kind, write in (("queue", _queue), ("address", _address), ("account", _account)):
        yield from (write(row[1:]) + "\n" for row in rows if row[0] == kind)
    yield from _filters(row[1:] for row in rows if row[0] == "filter")


if __name__ == "__main__":
    sys.stdout.writelines(f"{text}\n" for text in _written([line.rstrip("\n").split("\t") for line in sys.stdin]))
