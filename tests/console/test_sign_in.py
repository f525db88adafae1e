"""Signing in from the console at 80×24: the dialog's code and picture, how it ends, and who may."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from core.db.bulk import table_of
from core.handles import Handles
from core.models import Token
from core.services.actor import Actor, Role
from core.services.configuration.profiles import profiles
from core.services.signing_in.sign_in_status import State, standings
from tests.console.conftest import Console, Opener
from tests.console.rows import add_account
from tests.fakes.token_server import TokenServer
from tui import qr_code
from tui.console.dialogs.sign_in import SignInDialog
from tui.console.screens.form import FormScreen

USER = "support@example.org"


@pytest.fixture
def account(handles: Handles, actor: Actor, provider: TokenServer) -> Callable[[str], None]:
    """An account that signs in by a method, at the token server."""

    def made(method: str) -> None:
        profiles.add(handles, actor, "p", {**provider.profile(method), "client_secret": provider.client_secret})
        add_account(handles, actor, "support", username=USER, profile="p")

    return made


def _picture(console: Console) -> list[str]:
    assert isinstance(console.app.screen, SignInDialog)
    return str(console.app.screen._picture.render()).splitlines()


async def test_a_code_is_shown_with_its_picture_and_the_sign_in_is_seen(
    open_console: Opener, handles: Handles, actor: Actor, provider: TokenServer, account: Callable[[str], None]
) -> None:
    account("device_code")
    async with open_console() as console:
        await console.press("o")
        await console.until_seen("WXYZ-1234")
        assert "https://example.org/device" in console.text
        assert _picture(console) == qr_code.in_half_blocks("https://example.org/device")
        assert all(any(line in shown for shown in console.lines) for line in _picture(console))  # nothing is cut off
        await console.until_seen("waiting, 14:")
        provider.enter_code(USER)
        await console.until_seen(f"Signed in as {USER} for account support.")
        await console.press("escape")
        assert "Accounts" in console.lines[0]
    assert [one.state for one in standings(handles, actor)] == [State.SIGNED_IN]


async def test_somebody_else_is_refused_with_the_sentence_and_it_can_be_begun_again(
    open_console: Opener, provider: TokenServer, account: Callable[[str], None]
) -> None:
    account("device_code")
    async with open_console() as console:
        await console.press("o")
        await console.until_seen("WXYZ-1234")
        provider.enter_code("boss@example.org")
        await console.until_seen("boss@example.org signed in, but account support is for")
        assert "Nobody is signed in." in console.text
        provider.devices.clear()
        await console.press("r")
        await console.until_seen("WXYZ-1234")
        await console.press("escape")


async def test_giving_up_keeps_nothing(
    open_console: Opener, handles: Handles, provider: TokenServer, account: Callable[[str], None]
) -> None:
    account("device_code")
    async with open_console() as console:
        await console.press("o")
        await console.until_seen("WXYZ-1234")
        await console.press("escape")
        assert "Accounts" in console.lines[0]
    with handles.database.reading() as session:
        assert session.connection().execute(select(table_of(Token).c.owner_id)).all() == []


async def test_the_address_a_browser_ends_at_is_pasted(
    open_console: Opener, handles: Handles, actor: Actor, provider: TokenServer, account: Callable[[str], None]
) -> None:
    account("authorization_code")
    async with open_console() as console:
        await console.press("enter")
        assert isinstance(console.app.screen, FormScreen)
        await console.type("2")
        await console.press("ctrl+o")
        assert "Save it first" in console.text
        await console.press("backspace", "ctrl+o")
        await console.until_seen("paste here")
        dialog = console.app.screen
        assert isinstance(dialog, SignInDialog)
        await console.type("http://localhost:1?code=1")
        await console.press("enter")
        await console.until_seen("✗")
        dialog._paste.value = provider.browse(dialog._copied, USER)
        await console.press("enter")
        await console.until_seen("All well.")
        assert "code-" not in console.text
        await console.press("escape")
        assert isinstance(console.app.screen, FormScreen)
    assert standings(handles, actor)[0].signed_in_as == USER


async def test_in_ascii_the_code_does_without_a_picture(open_console: Opener, account: Callable[[str], None]) -> None:
    account("device_code")
    async with open_console(ascii_only=True) as console:
        await console.press("o")
        await console.until_seen("WXYZ-1234")
        assert not console.app.screen._picture.display
        await console.press("escape")


async def test_without_a_profile_the_sentence_says_what_to_do(
    open_console: Opener, handles: Handles, actor: Actor
) -> None:
    add_account(handles, actor, "support")
    async with open_console() as console:
        await console.press("o")
        await console.until_seen("support signs in with its password; e gives it a sign-in profile.")
        await console.press("e")
        assert "sign in" not in console.lines[-1]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_who_may_not_sign_in_is_not_offered_it(
    open_console: Opener, account: Callable[[str], None], role: Role
) -> None:
    account("device_code")
    async with open_console(actor=Actor("ann", "here", role)) as console:
        await console.press("o")
        assert not isinstance(console.app.screen, SignInDialog)
