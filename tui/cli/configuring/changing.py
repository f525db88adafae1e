"""`postroom add`, `set` and `delete`: one change of one thing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from getpass import getpass
from typing import Annotated, Any

from typer import Argument, Context, Option

from core.errors import Misuse
from core.resources.catalogue import CONFIGURED, kind_named
from core.resources.kind import Kind
from core.resources.suppression import SUPPRESSION
from core.resources.system import SETTING
from core.secret import Secret
from core.services import settings, suppressions
from core.services.configuration.catalogue import resource_of
from core.services.editing.writing import Saved
from tui.cli.opened import opened
from tui.cli.told.output import say, write_json
from tui.cli.told.untested import say_untested
from tui.cli.words.assignments import read_assignments, read_fields, toml_value
from tui.cli.words.options import Invocation
from tui.cli.words.passwords import password_from_stdin, read_password, secret_field

_KIND = Annotated[str, Argument(metavar="KIND")]
_NAME = Annotated[str, Argument(metavar="NAME")]
_VALUES = Annotated[list[str] | None, Argument(metavar="field=value")]
_STDIN = Annotated[bool, Option("--password-stdin", help="Read the password from the first line of stdin.")]


def add(ctx: Context, kind: _KIND, name: _NAME, values: _VALUES = None, password_stdin: _STDIN = False) -> None:
    """Add a template, mailbox, account, profile, queue, address, filter or handoff.

    A value is TOML, a bare word a string; what is not given has its default. A password is asked for, or read by
    --password-stdin, or is a reference: password='{ env = "NAME" }'.
    """
    described = _editable(kind)
    given = read_fields(described, values or ())
    given |= _secret(described, given, is_new=True, from_stdin=password_stdin)
    with opened(ctx.obj) as (handles, actor):
        saved = resource_of(described).add(handles, actor, name, given)
        _told(ctx.obj, "added", described, name)
        _warn(ctx.obj, saved)
        say_untested(ctx.obj, handles, [(described, name)])


def change(ctx: Context, kind: _KIND, name: _NAME, values: _VALUES = None, password_stdin: _STDIN = False) -> None:
    """Change fields of one thing: postroom set account support host=imap.example.org.

    A setting is changed by its dotted name: postroom set setting retry.first=2m.
    """
    described = kind_named(kind)
    if described is SETTING:
        _change_settings(ctx.obj, name, values or (), password_stdin=password_stdin)
        return
    described = _editable(kind)
    given = read_fields(described, values or ())
    given |= _secret(described, given, is_new=False, from_stdin=password_stdin)
    if not given:
        raise Misuse("Nothing to set: name at least one field=value.")
    with opened(ctx.obj) as (handles, actor):
        saved = resource_of(described).change(handles, actor, name, given)
        _told(ctx.obj, "changed", described, name)
        _warn(ctx.obj, saved)
        say_untested(ctx.obj, handles, [(described, str(given.get(described.key, name)))])


def delete(ctx: Context, kind: _KIND, name: _NAME) -> None:
    """Delete one thing; refused while others need it.

    A setting gets its default back; a suppressed address is released, and what was held for it goes out.
    """
    described = kind_named(kind)
    with opened(ctx.obj) as (handles, actor):
        if described is SETTING:
            settings.change(handles, actor, {name: None})
        elif described is SUPPRESSION:
            suppressions.release(handles, actor, [name])
        else:
            resource_of(_editable(kind)).delete(handles, actor, name)
    _told(ctx.obj, "deleted", described, name)


def _editable(name: str) -> Kind:
    kind = kind_named(name)
    if kind in CONFIGURED:
        return kind
    if instead := _INSTEAD.get(kind.name):
        raise Misuse(instead)
    raise Misuse(f"{kind.title}: not added, changed or deleted by hand.")


_INSTEAD = {
    "record": "A record is changed by: postroom record set NUMBER field=value…",
    "outbox": "Mail is handed in by `postroom send`; what waits is ordered about by `postroom outbox`, see its --help.",
    "suppression": "An address is suppressed by its bounces, and released by: postroom delete suppression ADDRESS",
}
"""What to do with kinds that are not configured."""


def _change_settings(invocation: Invocation, name: str, values: Sequence[str], *, password_stdin: bool) -> None:
    """Both `retry.first=2m` and `retry.first value=2m` are understood."""
    words = [name, *values] if "=" in name else [word.replace("value=", f"{name}=", 1) for word in values]
    given = {key: _setting_value(key, text) for key, text in read_assignments(words).items()}
    if password_stdin:
        if not name.endswith("password"):
            raise Misuse(f"{name} is no password.")
        given[name] = read_password("Password")
    if not given:
        raise Misuse(f"Nothing to set: postroom set setting {name}=VALUE")
    with opened(invocation) as (handles, actor):
        settings.change(handles, actor, given)
    if invocation.json:
        for key in given:
            write_json({"event": "changed", "kind": "setting", "name": key})
    else:
        say(invocation, f"Set: {', '.join(given)}.")


def _setting_value(name: str, text: str) -> Any:
    value = toml_value(text)
    if name.endswith("password") and isinstance(value, str):
        raise Misuse(f"{name} must not be an argument; use --password-stdin, or {name}='{{ file = \"PATH\" }}'.")
    return value


def _secret(kind: Kind, given: dict[str, Any], *, is_new: bool, from_stdin: bool) -> dict[str, Secret]:
    """The kind's main secret: from stdin, or asked for when something new lacks it and somebody is there to answer."""
    if from_stdin:
        return password_from_stdin(kind)
    field = secret_field(kind)
    if field is None or not is_new or field.name in given or given.get("profile") or not sys.stdin.isatty():
        return {}
    if field.shown_when is not None and not field.shown_when(given):
        return {}  # a profile's method may have no use for it
    answer = getpass(f"{field.label} (empty: none): ", stream=sys.stderr)
    return {field.name: Secret(answer)} if answer else {}


def _warn(invocation: Invocation, saved: Saved) -> None:
    for warning in saved.warnings:
        say(invocation, f"Warning: {warning}")


def _told(invocation: Invocation, done: str, kind: Kind, name: str) -> None:
    if invocation.json:
        write_json({"event": done, "kind": kind.name, "name": name})
    else:
        say(invocation, f"{kind.name.capitalize()} {name} {done}.")
