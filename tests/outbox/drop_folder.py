"""Handing in, and looking what lies in the drop folder."""

from core.handin import OutgoingEnvelope, hand_in

MAIL = b"From: a@example.org\nSubject: x\n\nHello.\n"


def drop(handles, **envelope) -> str:
    return hand_in(handles.environment, OutgoingEnvelope(("b@example.net",), **envelope), MAIL)


def left(handles) -> list[str]:
    return sorted(path.name for path in handles.environment.drop.iterdir())


def refused(handles) -> list[str]:
    folder = handles.environment.drop / "refused"
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".reason")
