"""A word about connections that were saved without a test."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from core.handles import Handles
from core.resources.kind import Kind
from core.services.connection_tests.tested import untested_among
from core.text import counted
from tui.cli.told.output import say
from tui.cli.words.options import Invocation

_MOST = 10


def say_untested(invocation: Invocation, handles: Handles, saved: Iterable[tuple[Kind, str]]) -> None:
    """Name the connections that no test has passed as they are now that something was saved, and how to test them."""
    untested = untested_among(handles, saved)
    for kind, name in untested[:_MOST]:
        say(invocation, f"{kind.name.capitalize()} {name} is not tested: postroom test {kind.name} {shlex.quote(name)}")
    if len(untested) > _MOST:
        say(invocation, f"{counted(len(untested) - _MOST, 'more is', 'more are')} not tested.")
