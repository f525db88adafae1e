"""`postroom oauth login` and `status`: signing in from a terminal, and how the sign-ins stand."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from typer import Argument, Context, Option

from core import clock
from core.errors import Misuse, NeedsSignIn, NoInput
from core.handles import Handles
from core.oauth.waiting import SignedIn
from core.services.actor import Actor
from core.services.signing_in import sign_in
from core.services.signing_in.sign_in import Flow, InBrowser
from core.services.signing_in.sign_in_status import Standing, standings
from tui.cli.commands import group
from tui.cli.connections.sign_in_prompt import SignInPrompt, pasted
from tui.cli.opened import opened
from tui.cli.told.output import TableColumn, say, write_json, write_table
from tui.cli.words.options import Invocation
from tui.loopback import Loopback

OAUTH = group("Signing in with OAuth2, for accounts and mailboxes with a profile.")

PASTED_TO = "http://localhost"
"""Where the browser is sent when nobody listens: the page cannot be shown, its address is what is pasted."""

_KINDS = {"account": "account", "accounts": "account", "mailbox": "mailbox", "mailboxes": "mailbox"}
_COLUMNS = (
    TableColumn("kind", "kind"),
    TableColumn("name", "name"),
    TableColumn("profile", "profile"),
    TableColumn("method", "method"),
    TableColumn("state", "state"),
    TableColumn("signed_in_as", "signed in as"),
    TableColumn("ends", "ends"),
    TableColumn("detail", "detail"),
)


@OAUTH.command("login")
def login(
    ctx: Context,
    kind: Annotated[str, Argument(metavar="account|mailbox")],
    name: Annotated[str, Argument(metavar="NAME")],
    device: Annotated[bool, Option("--device", help="With a code, on any other screen.")] = False,
    paste: Annotated[bool, Option("--paste", help="Paste the address that the browser ends at.")] = False,
    port: Annotated[int, Option("--port", metavar="N", help="Listen there for the browser; 0: any free port.")] = 0,
    ascii_only: Annotated[bool, Option("--ascii", help="Draw the QR code in ASCII.")] = False,
) -> None:
    """Sign in for an account or a mailbox, as its profile says; the owner of the mailbox does it.

    Exit code 75: the key is the service's and no worker runs; 78: refused, declined, somebody else signed in, or nobody
    in time; 69: the provider is out of reach.
    """
    invocation: Invocation = ctx.obj
    if kind not in _KINDS:
        raise Misuse(f"oauth login is for an account or a mailbox, not {kind!r}.")
    if device and (paste or port):
        raise Misuse("--device signs in on another screen; --paste and --port are for a browser that comes back.")
    if not 0 <= port <= 65535:
        raise Misuse(f"--port is a number from 0 to 65535; {port} is not.")
    wanted = Flow.DEVICE if device else Flow.BROWSER if paste or port else None
    with opened(invocation) as (handles, actor):
        flow = sign_in.flow_for(handles, actor, _KINDS[kind], name, wanted)
        prompt = SignInPrompt(invocation, ascii_only=ascii_only)
        if flow is Flow.DEVICE:
            done = _by_device(handles, actor, _KINDS[kind], name, prompt)
        elif paste:
            done = _pasted(handles, actor, _KINDS[kind], name, prompt)
        else:
            done = _by_browser(handles, actor, _KINDS[kind], name, prompt, port)
    if done is None:
        raise NeedsSignIn(f"Nobody signed in for {_KINDS[kind]} {name} in time. Begin again.")
    _told(invocation, done)


@OAUTH.command("status")
def status(ctx: Context) -> None:
    """How each account and mailbox with a profile is signed in, and when that ends."""
    invocation: Invocation = ctx.obj
    with opened(invocation) as (handles, actor):
        found = standings(handles, actor)
    if invocation.json:
        for one in found:
            write_json(asdict(one))
    elif found:
        write_table(_COLUMNS, [{**asdict(one), "ends": _ends(one)} for one in found])
    else:
        say(invocation, "No account or mailbox signs in with a profile.")


def _by_device(handles: Handles, actor: Actor, kind: str, name: str, prompt: SignInPrompt) -> SignedIn | None:
    with prompt:
        for step in sign_in.by_device(handles, actor, kind, name, prompt.pause):
            if isinstance(step, SignedIn):
                return step
            prompt.show_code(f"{kind} {name}", step)
    return None


def _by_browser(
    handles: Handles, actor: Actor, kind: str, name: str, prompt: SignInPrompt, port: int
) -> SignedIn | None:
    with Loopback(port) as loopback, prompt:
        browser = sign_in.in_browser(handles, actor, kind, name, loopback.redirect_uri)
        loopback.expect(browser.begun.state)
        prompt.show_address(f"{kind} {name}", browser.url, browser.expires_at)
        answer = None
        while answer is None and clock.utcnow() < browser.expires_at:
            answer = loopback.answer(1.0)
            prompt.count_down()
        return None if answer is None else _finish(handles, actor, browser, answer, prompt)


def _pasted(handles: Handles, actor: Actor, kind: str, name: str, prompt: SignInPrompt) -> SignedIn | None:
    browser = sign_in.in_browser(handles, actor, kind, name, PASTED_TO)
    prompt.show_address(f"{kind} {name}", browser.url, browser.expires_at)
    answer = pasted(prompt)
    if not answer:
        raise NoInput(
            "Nothing was pasted: the address that the browser ends at begins with http://localhost and holds the code."
        )
    return _finish(handles, actor, browser, answer, prompt)


def _finish(handles: Handles, actor: Actor, browser: InBrowser, answer: str, prompt: SignInPrompt) -> SignedIn | None:
    return sign_in.finish(handles, actor, browser, answer, prompt.pause)


def _told(invocation: Invocation, done: SignedIn) -> None:
    if invocation.json:
        write_json({"event": "signed in", "kind": done.kind, "name": done.name, "signed_in_as": done.as_whom})
    else:
        whom = f" as {done.as_whom}" if done.as_whom else ""
        say(invocation, f"Signed in{whom} for {done.kind} {done.name}.")


def _ends(one: Standing) -> str:
    ends = [moment for moment in (one.sign_in_expires_at, one.secret_expires_at) if moment is not None]
    return _days(min(ends)) if ends else ""


def _days(ends: datetime) -> str:
    days = (ends - clock.utcnow()).days
    return "ended" if days < 0 else f"{days} d"
