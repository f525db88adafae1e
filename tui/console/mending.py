"""Mending a quarantined message: its bytes in an editor, and what is saved there in their place."""

from __future__ import annotations

import os

from core.errors import PostroomError
from core.services import messages, quarantine
from tui.console.editor import Edited, chosen_editor, edited
from tui.console.glyphs import BAD
from tui.console.screens.base import DeskScreen


def mend(screen: DeskScreen, message_id: int) -> None:
    """Give a message to the editor, and what it made of it to the service."""
    desk = screen.desk
    screen.calls.ask(
        lambda: messages.raw(desk.handles, desk.actor, message_id), lambda came: _edit(screen, message_id, came)
    )


def _edit(screen: DeskScreen, message_id: int, came: bytes) -> None:
    try:
        mended = edited(screen.app, chosen_editor(os.environ), f"message-{message_id}.eml", came)
    except PostroomError as error:
        screen.complain(error)
        return
    if mended is None:
        screen.tell(f"Message {message_id} stays as it is.")
        return
    _keep(screen, message_id, mended)


def _keep(screen: DeskScreen, message_id: int, mended: Edited) -> None:
    desk = screen.desk

    def kept(_: None) -> None:
        mended.forget()
        screen.refresh_data()
        screen.tell(f"Message {message_id} was replaced; what came is kept. r processes it again.")

    def refused(error: PostroomError) -> None:
        screen.tell(f"{error} What you wrote is in {mended.path}.", BAD)

    screen.calls.ask(
        lambda: quarantine.edit(desk.handles, desk.actor, message_id, mended.data), kept, otherwise=refused
    )
