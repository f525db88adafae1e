"""What is logged while a command runs: a sentence for the person, the place of a fault of ours for its file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tui.cli.process.endings import complain, keep_fault
from tui.cli.words.options import Invocation

_LOGGER = logging.getLogger("postroom")


class _ToPerson(logging.Handler):
    """Says each line as all that is wrong is said; a traceback would tell nothing, and hold what foreign mail says."""

    def __init__(self, invocation: Invocation) -> None:
        super().__init__(logging.ERROR if invocation.quiet else logging.WARNING)
        self._invocation = invocation

    def emit(self, record: logging.LogRecord) -> None:
        """Say one."""
        said = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            fault, environment = record.exc_info[1], self._invocation.environment
            place = keep_fault(fault, environment.home, is_shown=self._invocation.debug)
            said = f"Something went wrong inside Postroom ({type(fault).__name__}): {said}. {place}"
        complain(said)


@contextmanager
def told_to_person(invocation: Invocation) -> Iterator[None]:
    """Have what is logged within said to the person who called; what libraries warn of, our own sentences say."""
    handler, propagated = _ToPerson(invocation), _LOGGER.propagate
    silent = logging.NullHandler()  # without any, Python writes such a warning to stderr
    logging.getLogger().addHandler(silent)
    _LOGGER.addHandler(handler)
    _LOGGER.propagate = False
    try:
        yield
    finally:
        logging.getLogger().removeHandler(silent)
        _LOGGER.removeHandler(handler)
        _LOGGER.propagate = propagated
