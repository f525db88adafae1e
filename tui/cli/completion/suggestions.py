"""What may stand next on a command line, decided from the words before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tui.cli.completion.command_words import COMMANDS, COMMON, FIELDS, PLURALS, SCREENS

_SINGULAR = {plural: kind for kind, plural in PLURALS.items()} | {kind: kind for kind in PLURALS}


@dataclass(frozen=True)
class Suggested:
    """What may stand next: words, the names of what is configured, or a file."""

    words: tuple[str, ...] = ()
    """Those that begin as what is typed does; one that ends with `=` wants a value."""
    names_of: str = ""
    """The kind whose names may stand here too."""
    prefix: str = ""
    """What of the typed word stands before the name: `queue=`."""
    is_file: bool = False
    """Whether a file may stand here; the shell knows these better."""


@dataclass
class _Line:
    """A command line taken apart."""

    command: str = ""
    operands: list[str] = field(default_factory=list)
    waiting: str = ""
    """The option whose value comes next."""
    is_closed: bool = False
    """Whether `--` has ended the options."""


def suggested(before: Sequence[str], typed: str) -> Suggested:
    """What may stand in the place of `typed`, behind the words `before` it.

    Args:
        before: the words after the program's name, unquoted.
        typed: what stands of the next one; it may be empty.
    """
    line = _taken_apart(before)
    options = _options_of(line.command)
    if line.waiting:
        return _of_value(options.get(line.waiting, ""), "", typed)
    if typed.startswith("-") and not line.is_closed:
        name, equals, value = typed.partition("=")
        if equals and typed.startswith("--"):
            return _of_value(options.get(name, ""), f"{name}=", value)
        return Suggested(_beginning(typed, options))
    if not line.operands and (verbs := _verbs_behind(line.command)):
        further = _of_operand(line, typed) if line.command else Suggested()
        return Suggested((*_beginning(typed, verbs), *further.words), further.names_of)
    return _of_operand(line, typed)


def _taken_apart(words: Sequence[str]) -> _Line:
    line = _Line()
    for word in words:
        if line.waiting:
            line.waiting = ""
        elif line.is_closed or not word.startswith("-"):
            longer = f"{line.command} {_SINGULAR.get(word, word)}".strip()
            if not line.operands and _is_beginning(longer):
                line.command = longer
            else:
                line.operands.append(word)
        elif word == "--":
            line.is_closed = True
        elif _options_of(line.command).get(word) is not None:
            line.waiting = word
    return line


def _is_beginning(path: str) -> bool:
    return any(f"{command} ".startswith(f"{path} ") for command in COMMANDS)


def _verbs_behind(path: str) -> list[str]:
    """The words with which a command goes on."""
    depth = len(path.split())
    longer = [command.split() for command in COMMANDS if not path or command.startswith(f"{path} ")]
    return list(dict.fromkeys(words[depth] for words in longer if words))


def _options_of(command: str) -> dict[str, str | None]:
    """The command's options, each with what its value may be; `None`: it takes none."""
    words = f"{COMMANDS.get(command, '')} {COMMON}".split()
    parts = [word.partition("=") for word in words if word.startswith("-") and word[1:].strip("-…")]
    return {name: value if equals else None for name, equals, value in parts}


def _operand(line: _Line) -> str:
    """What may stand as the next operand."""
    named = [word for word in COMMANDS.get(line.command, "").split() if not word.startswith("-") or word in {"-", "-…"}]
    number = len(line.operands)
    if number < len(named):
        return named[number].removesuffix("…")
    return named[-1].removesuffix("…") if named and named[-1].endswith("…") else ""


def _of_operand(line: _Line, typed: str) -> Suggested:
    operand, kind = _operand(line), _kind_of(line)
    if operand == "KIND":
        return Suggested(_beginning(typed, PLURALS))
    if operand == "EDITED":
        return Suggested(_beginning(typed, [name for name in FIELDS if name not in {"record", "setting"}]))
    if operand == "NAME":
        settings = [word.partition("=")[0] for word in FIELDS[kind].split()] if kind == "setting" else []
        return Suggested(_beginning(typed, settings), names_of=kind)
    if operand == "FIELD":
        return _of_field(kind, line.operands, typed)
    return _of_value(operand, "", typed)


def _kind_of(line: _Line) -> str:
    """The kind that the words before speak of."""
    return next((_SINGULAR[word] for word in (*line.command.split(), *line.operands) if word in _SINGULAR), "")


def _of_field(kind: str, given: Sequence[str], typed: str) -> Suggested:
    fields = {name: value for name, _, value in (word.partition("=") for word in FIELDS.get(kind, "").split())}
    name, equals, value = typed.partition("=")
    if equals:
        return _of_value(fields.get(name, ""), f"{name}=", value)
    taken = {word.partition("=")[0] for word in given}
    return Suggested(_beginning(typed, [f"{name}=" for name in fields if name not in taken]))


def _of_value(expected: str | None, prefix: str, typed: str) -> Suggested:
    if not expected or expected == "-":
        return Suggested()
    if expected == "FILE":
        return Suggested(is_file=True)
    if expected.startswith("@"):
        return Suggested(names_of=expected[1:], prefix=prefix)
    words = SCREENS if expected == "SCREEN" else expected
    return Suggested(tuple(f"{prefix}{word}" for word in _beginning(typed, words.split("|"))))


def _beginning(typed: str, words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word.startswith(typed))
