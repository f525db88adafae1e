"""Work that goes on to its end though its caller is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def to_its_end(work: Callable[[], Result]) -> Result:
    """Do it in a thread of its own, which the process waits for before it ends.

    Ctrl+C ends the caller at once; a provider's answer that is on its way is still written down, for it may have taken
    the old refresh token back.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            done.set_exception(error)

    threading.Thread(target=run, name="token-renewal", daemon=False).start()
    return done.result()
