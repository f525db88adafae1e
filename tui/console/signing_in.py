"""A sign-in as it goes on in a thread, told step by step; the dialog shows it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from core import clock
from core.errors import BadInput, NeedsSignIn
from core.oauth.waiting import Prompt, SignedIn
from core.services.signing_in import sign_in
from core.services.signing_in.sign_in import Flow
from tui.console.desk import Desk
from tui.loopback import Loopback

_LOOK = 0.2
"""Seconds between two looks for what the browser or the person brought."""


@dataclass(frozen=True)
class Address:
    """What a browser is to open; what it ends at comes by itself on this machine, or is pasted."""

    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Wrong:
    """What was pasted is not it; another may be."""

    text: str


Step: TypeAlias = Prompt | Address | Wrong | SignedIn
Begun: TypeAlias = Callable[[threading.Event, "queue.SimpleQueue[str]"], Iterator[Step]]


def begun(desk: Desk, kind: str, name: str) -> Begun:
    """The steps of signing in for an account or a mailbox, as its profile says, until `stop` is set."""

    def steps(stop: threading.Event, pasted: queue.SimpleQueue[str]) -> Iterator[Step]:
        def pause(seconds: float) -> bool:
            return not stop.wait(seconds)

        if sign_in.flow_for(desk.handles, desk.actor, kind, name) is Flow.DEVICE:
            yield from sign_in.by_device(desk.handles, desk.actor, kind, name, pause)
        else:
            yield from _in_browser(desk, kind, name, pause, pasted)

    return steps


def _in_browser(
    desk: Desk, kind: str, name: str, pause: Callable[[float], bool], pasted: queue.SimpleQueue[str]
) -> Iterator[Step]:
    with Loopback() as loopback:
        browser = sign_in.in_browser(desk.handles, desk.actor, kind, name, loopback.redirect_uri)
        loopback.expect(browser.begun.state)
        yield Address(browser.url, browser.expires_at)
        while clock.utcnow() < browser.expires_at:
            answer = loopback.answer(0) or _next(pasted)
            if answer is not None:
                try:
                    done = sign_in.finish(desk.handles, desk.actor, browser, answer, pause)
                except BadInput as error:
                    yield Wrong(str(error))
                    continue
                if done is not None:
                    yield done
                return
            if not pause(_LOOK):
                return
    raise NeedsSignIn("Nobody signed in in time. Begin again with r.")


def _next(pasted: queue.SimpleQueue[str]) -> str | None:
    try:
        return pasted.get_nowait()
    except queue.Empty:
        return None
