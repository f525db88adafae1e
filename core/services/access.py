"""What each role may do; asked by every verb, below console and command line."""

from __future__ import annotations

from core.errors import NotPermitted
from core.services.actor import Actor, Role

SEE = "see"
"""The verb of all that only looks."""

OPERATING = frozenset(
    {
        ("account", "fetch"),
        ("account", "rehearse"),
        ("account", "test"),
        ("account", "pause"),
        ("account", "resume"),
        ("account", "stop"),
        ("mailbox", "test"),
        ("mailbox", "deliver"),
        ("mailbox", "route"),
        ("mailbox", "roundtrip"),
        ("outbox", "deliver"),
        ("outbox", "retry"),
        ("outbox", "hold"),
        ("outbox", "release"),
        ("outbox", "cancel"),
        ("suppression", "release"),
        ("quarantine", "edit"),
        ("quarantine", "explain"),
        ("quarantine", "retry"),
        ("quarantine", "release"),
        ("quarantine", "export"),
        ("record", "change"),
        ("record", "reply"),
        ("message", "intake"),
        ("message", "explain"),
        ("filter", "try"),
        ("delivery", "retry"),
        ("delivery", "cancel"),
    }
)
"""What an operator may do beside looking: the daily work, no configuration."""

_SECLUDED = frozenset({"template"})
"""What only a super security admin sees."""


def hidden_from(actor: Actor) -> frozenset[str]:
    """The kinds that the actor's role does not see; what the audit log says of them is hidden with them."""
    return frozenset() if actor.role is Role.SUPER_SECURITY_ADMIN else _SECLUDED


def may(actor: Actor, verb: str, kind: str) -> bool:
    """Whether the actor's role allows this."""
    if actor.role is Role.SUPER_SECURITY_ADMIN:
        return True
    if verb == SEE:
        return kind not in hidden_from(actor)
    return actor.role is Role.OPERATOR and (kind, verb) in OPERATING


def require(actor: Actor, verb: str, kind: str) -> None:
    """Go on if the actor may.

    Raises:
        NotPermitted: the role does not allow it.
    """
    if not may(actor, verb, kind):
        raise NotPermitted(f"{actor.user} is {actor.role} here and may not {verb} this ({kind}).")
