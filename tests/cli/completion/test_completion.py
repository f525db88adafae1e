"""What a shell offers at TAB."""

import os
import pty
import re
import select
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from typer.core import TyperArgument

from core.resources.catalogue import CONFIGURED, KINDS
from core.resources.kind import Field, FieldType
from core.services import records
from core.services.setting_values import DEFAULTS
from tests.cli.conftest import ROOT, Shell
from tests.waiting import PATIENCE
from tui.cli import commands
from tui.cli.completion.command_words import COMMANDS, COMMON, FIELDS, PLURALS, SCREENS
from tui.cli.completion.suggestions import suggested
from tui.cli.words.options import EPILOG
from tui.console.places import PLACES

# The words at rest are what the commands, kinds and screens are.

DISPATCHED = {"test": {"account", "mailbox", "roundtrip"}, "oauth login": {"account", "mailbox"}, "set": {"setting"}}
"""Commands whose first operand decides how the line goes on."""


def _really() -> dict[str, tuple[set[str], bool]]:
    """Each command's options, those with a value marked by `=`, and whether it has operands."""
    found = {}

    def look(name: str, command: object) -> None:
        if verbs := getattr(command, "commands", None):
            for verb, one in verbs.items():
                look(f"{name} {verb}", one)
            return
        options = [one for one in command.params if not isinstance(one, TyperArgument) and not one.hidden]
        names = {f"{name}{'' if one.is_flag else '='}" for one in options for name in one.opts}
        found[name] = names, len(options) < len([one for one in command.params if not getattr(one, "hidden", False)])

    for name, (module, attribute) in commands.PLACES.items():
        look(name, commands._command(name, getattr(import_module(f"tui.cli.{module}"), attribute)))
    return found


def _at_rest(command: str) -> tuple[set[str], bool]:
    words = " ".join(
        text for name, text in COMMANDS.items() if name == command or f"{name} ".startswith(f"{command} ")
    ).split()
    options = {word.partition("=")[0] + ("=" if "=" in word else "") for word in words if re.match("--?[a-zA-Z]", word)}
    return options, len(words) > len([word for word in words if re.match("--?[a-zA-Z]", word)])


def test_every_command_is_completed_with_its_options() -> None:
    real = _really()
    real["list"] = {"--limit=", "--after=", "--oldest-first"}, True
    assert {name: _at_rest(name) for name in real} == real
    assert {name for name in COMMANDS if name not in {"", "send"}} == {
        *(set(real) - {"test", "oauth login"}),
        *(f"{name} {word}" for name, words in DISPATCHED.items() for word in words),
    }
    assert all(option.partition("=")[0] in f"{EPILOG} --help" for option in COMMON.split())


def _value(field: Field) -> str:
    if field.refers_to:
        return f"@{field.refers_to}"
    return "true|false" if field.type is FieldType.YES_NO else "|".join(str(choice) for choice in field.choices)


def test_every_kind_field_setting_and_screen_is_known() -> None:
    assert {kind.name: kind.plural for kind in KINDS} == PLURALS
    for kind in CONFIGURED:
        assert FIELDS[kind.name].split() == [f"{one.name}={_value(one)}" for one in kind.fields if not one.is_secret]
    assert [word.partition("=")[0] for word in FIELDS["setting"].split()] == list(DEFAULTS)
    assert [word.partition("=")[0] for word in FIELDS["record"].split()] == list(records.FIELDS)
    assert SCREENS.split("|") == [place.name for place in PLACES]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fe", ["fetch"]),
        ("quarantine re", ["release", "retry"]),
        ("show temp", ["template"]),
        ("add s", []),
        ("set se", ["setting"]),
        ("set setting retry.f", ["retry.first="]),
        ("delete setting retry.f", ["retry.first"]),
        ("set account support disp", ["dispatching="]),
        ("set accounts support dispatching=q", ["dispatching=queue"]),
        ("set account support queue=Raw que", []),
        ("fetch --dr", ["--dry-run", "--drop"]),
        ("--json fetch --dry", ["--dry-run"]),
        ("fetch -- --dry", []),
        ("send --lane=u", ["--lane=urgent"]),
        ("send --lane ", ["urgent", "normal", "bulk"]),
        ("--home /x li", ["list"]),
        ("nonsense ", []),
    ],
)
def test_what_may_stand_next(line: str, words: list[str]) -> None:
    *before, typed = line.split(" ")
    assert list(suggested(before, typed).words) == words


@pytest.mark.parametrize(
    ("line", "kind", "prefix"),
    [
        ("fetch a ", "account", ""),
        ("show mailboxes m", "mailbox", ""),
        ("test roundtrip ", "mailbox", ""),
        ("test roundtrip a ", "account", ""),
        ("set mailbox a failover=", "mailbox", "failover="),
        ("quarantine release 3 --queue=J", "queue", "--queue="),
        ("quarantine release --queue ", "queue", ""),
    ],
)
def test_whose_names_may_stand_next(line: str, kind: str, prefix: str) -> None:
    *before, typed = line.split(" ")
    found = suggested(before, typed)
    assert (found.names_of, found.prefix) == (kind, prefix)


def test_asking_makes_nothing_and_says_nothing(postroom: Shell) -> None:
    ended = postroom("__complete", "fetch", "")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert not postroom.home.exists()


@pytest.mark.parametrize(
    "line", ["postroom config import x", "postroom raw 3 > x", "postroom raw 3 2>x", "postroom send -t <"]
)
def test_files_are_left_to_the_shell(postroom: Shell, line: str) -> None:
    assert postroom("__complete", "--bash", line, "x").code == 1


class _Bash:
    """A bash at a terminal, whose `postroom` completes and else shows the words that it was given."""

    def __init__(self, folder: Path, variables: dict[str, str], script: str) -> None:
        program = folder / "postroom"
        program.write_text(
            f'#!/bin/sh\n[ "$1" = __complete ] && cd {ROOT} && exec {sys.executable} -m tui.cli "$@"\n'
            "printf '<%s>' \"$@\"; echo .\n"
        )
        program.chmod(0o755)
        (folder / "rc").write_text(f"PS1=; bind 'set enable-bracketed-paste off'; bind 'set bell-style none'\n{script}")
        variables = {**variables, "PATH": f"{folder}:{os.environ['PATH']}", "TERM": "dumb"}
        self._process, self._terminal = pty.fork()
        if not self._process:
            os.execvpe("bash", ["bash", "--noprofile", "--rcfile", str(folder / "rc"), "-i"], variables)

    def given(self, typed: str) -> list[str]:
        """The words of the command that these keys make."""
        os.write(self._terminal, typed.encode() + b"\n")
        deadline, seen = time.monotonic() + PATIENCE, b""
        while not (shown := re.search(rb"^((<[^>]*>)+)\.\r?$", seen, re.MULTILINE)):
            assert select.select([self._terminal], [], [], deadline - time.monotonic())[0], seen
            seen += os.read(self._terminal, 4096)
        return re.findall("<([^>]*)>", shown[1].decode())

    def close(self) -> None:
        """Hang up."""
        os.close(self._terminal)
        os.waitpid(self._process, 0)


@pytest.fixture
def bash(postroom: Shell, tmp_path: Path) -> Iterator[_Bash]:
    """With a queue whose name has a space, and an address."""
    postroom.ok("add", "queue", "Two words")
    postroom.ok("add", "address", "help@example.org", "queue=Raw")
    variables = {**postroom.variables, "PYTHONPATH": str(ROOT)}
    running = _Bash(tmp_path, variables, postroom.ok("completion", "bash").out)
    yield running
    running.close()


def test_bash_completes_names_with_spaces_signs_and_quotes(bash: _Bash) -> None:
    assert bash.given("postroom li\tque\tTw") == ["list", "queue", "Tw"]
    assert bash.given("postroom show queue Tw\t") == ["show", "queue", "Two words"]
    assert bash.given("postroom show queue 'Two w\t") == ["show", "queue", "Two words"]
    assert bash.given("postroom show address help@ex\t") == ["show", "address", "help@example.org"]
    assert bash.given("postroom set address help@\tque\tT\t") == [
        "set",
        "address",
        "help@example.org",
        "queue=Two words",
    ]
