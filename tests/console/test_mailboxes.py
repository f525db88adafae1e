"""Mailboxes in the console: who would send, and round trips."""

from __future__ import annotations

from core.handles import Handles
from core.services.actor import Actor
from core.services.configuration.accounts import accounts
from core.services.configuration.config_text import import_text
from core.services.configuration.mailboxes import mailboxes
from tests.console.conftest import Opener
from tests.guards import WORLD
from tests.servers.dovecot import DovecotServer
from tests.servers.postman import Postman


async def test_the_route_is_asked_for_and_told(open_console: Opener, handles: Handles, actor: Actor) -> None:
    import_text(handles, actor, WORLD, "world.toml")
    mailboxes.change(handles, actor, "a", {"default_sender": "desk@example.org"})
    async with open_console(screen="mailboxes") as console:
        await console.press("c")
        assert "desk@example.org" in console.text
        await console.type("who@example.org")
        await console.press("enter")
        # a is tried first, then its failover, then that one's.
        assert [console.text.index(f"{number}. {name}") for number, name in enumerate("abc", 1)]
        await console.press("down")
        await console.type("a,nobody")
        await console.press("enter")
        assert "There is no mailbox 'nobody'" in console.text
        for _ in "nobody,":
            await console.press("backspace")
        await console.press("enter")
        assert "1. b" in console.text
        await console.press("escape")
        assert "Mailboxes" in console.lines[0]


async def test_no_address_is_said(open_console: Opener, handles: Handles, actor: Actor) -> None:
    async with open_console(screen="mailboxes") as console:
        await console.press("c")
        await console.type("nonsense")
        await console.press("enter")
        await console.type("who@example.org")
        await console.press("enter")
        assert "is not of the form name@domain" in console.text


async def test_a_round_trip_is_watched_step_by_step(
    open_console: Opener, handles: Handles, actor: Actor, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    with Postman(lambda mail: dovecot.deliver(user, [mail.raw])) as relay:
        import_text(handles, actor, WORLD, "world.toml")
        import_text(
            handles, actor, f'[[template]]\nname="Relay"\nsmtp_host="127.0.0.1"\nsmtp_port={relay.port}\n'
            'smtp_security="none"\nsmtp_auth=false\n[[mailbox]]\nname="a"\ndefault_sender="a@example.org"\n', "relay.toml",
        )  # fmt: skip
        accounts.change(handles, actor, "post", {
            "type": "IMAP", "host": dovecot.host, "port": dovecot.ports.imap, "username": user, "password": "secret",
            "address": "post@example.org",
        })  # fmt: skip
        async with open_console(screen="mailboxes") as console:
            await console.press("b")
            await console.until_seen("post")
            await console.press("enter")
            await console.until_seen("All well.")
            assert "arrived" in console.text
