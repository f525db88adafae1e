"""The form of a profile: what it shows for each provider and method, and how it guides."""

from __future__ import annotations

from core.handles import Handles
from core.services.actor import Actor
from core.services.configuration.profiles import profiles
from tests.console.conftest import Console, Opener
from tui.console.dialogs.guide import Guide
from tui.console.screens.form import FormScreen


async def _new(console: Console) -> FormScreen:
    console.app.go_to("profiles")
    await console.settled()
    await console.press("n")
    form = console.app.screen
    assert isinstance(form, FormScreen)
    return form


def _shown(form: FormScreen) -> list[str]:
    return [name for name, field in form.fields.items() if field.display]


async def test_the_fields_follow_provider_and_method(open_console: Opener) -> None:
    async with open_console() as console:
        form = await _new(console)
        assert _shown(form)[3:] == ["client_id", "tenant_id", "client_secret", "secret_expires", "scopes"]
        assert "Tenant id*" in console.text
        form.fields["method"].widget.focus()
        await console.press("p")
        assert form.fields["method"].typed == "password"
        assert _shown(form)[3:] == ["client_id", "tenant_id", "scopes"]
        assert "Microsoft retires this grant" in console.text
        form.fields["provider"].widget.focus()
        await console.press("c")
        assert _shown(form)[3:] == ["client_id", "client_secret", "secret_expires", "token_url", "scopes"]
        assert "Token address*" in console.text


async def test_the_guide_tells_what_is_to_be_done_at_the_provider(open_console: Opener) -> None:
    async with open_console() as console:
        form = await _new(console)
        await console.press("ctrl+g")
        assert isinstance(console.app.screen, Guide)
        assert "Microsoft Entra admin centre" in console.text
        await console.press(*["j"] * 30)
        assert "docs/oauth-office365.md" in console.text
        await console.press("escape")
        assert console.app.screen is form


async def test_a_profile_is_made_by_keyboard_alone(open_console: Opener, handles: Handles, actor: Actor) -> None:
    async with open_console() as console:
        await _new(console)
        await console.type("o365")
        await console.press("down", "down", "down")
        await console.type("id-1")
        await console.press("down")
        await console.type("contoso")
        await console.press("down")
        await console.type("s3cret-canary")
        await console.press("down")
        await console.type("2028-01-31")
        assert "s3cret-canary" not in console.text
        await console.press("ctrl+f")
        assert "o365" in console.text
    kept = profiles.get(handles, actor, "o365")
    assert (kept["tenant_id"], kept["client_secret"], kept["secret_expires"]) == ("contoso", "set", "2028-01-31")


async def test_what_is_saved_and_yet_worth_a_word_is_said(open_console: Opener) -> None:
    async with open_console() as console:
        form = await _new(console)
        for name, text in {"name": "o365", "client_id": "id-1", "tenant_id": "contoso"}.items():
            form.fields[name].typed = text
        await console.press("ctrl+f")
        assert "Profile o365 has no client secret yet" in console.text


async def test_a_pair_that_is_not_offered_is_said_at_once(open_console: Opener) -> None:
    async with open_console() as console:
        form = await _new(console)
        form.fields["provider"].widget.focus()
        await console.press("g")
        assert "Google gives no mail to a client secret alone." in console.text
        assert _shown(form)[3:] == ["client_id"]
        await console.press("down", "r")
        assert "Google gives" not in console.text
        assert _shown(form)[3:] == ["client_id", "client_secret", "scopes"]
