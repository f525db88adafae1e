"""The tree of errors is drawn as it is."""

import re
from collections.abc import Iterator

from core import errors
from core.errors import PostroomError

DRAWN = re.compile(r"^(?P<rails>[│ ]*)[├└]── (?P<name>\w+).*?(?:\((?P<code>\d+)\))?$")


def drawn() -> Iterator[tuple[str, str, str | None]]:
    """Each error in the drawing with the one it hangs from, and its exit code, where one is given."""
    above = ["PostroomError"]
    for line in errors.__doc__.splitlines():
        if found := DRAWN.match(line):
            depth = len(found["rails"]) // 4 + 1
            above[depth:] = [found["name"]]
            yield above[depth - 1], found["name"], found["code"]


def below(error: type[PostroomError]) -> Iterator[tuple[str, str]]:
    for one in error.__subclasses__():
        if one.__module__ == errors.__name__:
            yield error.__name__, one.__name__
            yield from below(one)


def test_the_drawing_has_every_error_in_its_place():
    assert {(parent, name) for parent, name, _ in drawn()} == set(below(PostroomError))


def test_the_drawing_gives_true_exit_codes():
    given = {name: int(code) for _, name, code in drawn() if code is not None}
    assert given == {name: getattr(errors, name).exit_code for name in given}
