"""Reading an IMAP command: its line, the literals in it, and its arguments (RFC 3501 §4)."""

import re
from collections.abc import Callable, Iterator
from io import BufferedIOBase

_LONGEST_LINE = 65_536
_LARGEST_LITERAL = 50_000_000
_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")
_ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"|\{(\d+)\+?\}\r\n|(\((?:[^()]|\([^()]*\))*\)|[^\s(]+)')


def read_command(stream: BufferedIOBase, send: Callable[[bytes], None]) -> bytes:
    """The next command with all its literals; empty when the client is gone, or sends what is too long."""
    command = stream.readline(_LONGEST_LINE)
    while literal := _LITERAL.search(command):
        size = int(literal[1])
        if size > _LARGEST_LITERAL:
            return b""
        if not literal[2]:
            send(b"+ Go on\r\n")
        command += stream.read(size) + stream.readline(_LONGEST_LINE)
    return command if command.endswith(b"\n") else b""


def arguments(command: bytes) -> Iterator[bytes]:
    """The words of a command: atoms, contents of strings and literals, and lists with their parentheses."""
    position = 0
    while found := _ARGUMENT.search(command, position):
        quoted, size, word = found.groups()
        position = found.end()
        if size is not None:
            yield command[position : position + int(size)]
            position += int(size)
        elif quoted is not None:
            yield re.sub(rb"\\(.)", rb"\1", quoted)
        else:
            yield word
