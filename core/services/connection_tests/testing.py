"""Testing a connection, step by step, with what is saved or with what stands in a form."""

# ruff: noqa: PT028 - these test servers, not this program

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlmodel import Session

from core.errors import BadInput, Problem
from core.handles import Handles
from core.mail.addresses import address_of
from core.models import AccountType
from core.oauth.scopes import Use
from core.protocols.findings import Announced, Contents
from core.protocols.probe import Incoming, Step, probe_incoming, probe_smtp
from core.protocols.server import Login, Server, Timeouts
from core.protocols.tls import Security, TlsTrust
from core.protocols.transcript import Transcript
from core.resources import checks
from core.resources.account import ACCOUNT
from core.resources.kind import Kind
from core.resources.mailbox import MAILBOX
from core.resources.template import TEMPLATE
from core.secret import Secret
from core.services import access
from core.services.actor import Actor
from core.services.connection_tests import first_run
from core.services.connection_tests.tested import remember, versions
from core.services.connection_tests.token_step import token_step
from core.services.editing.drafts import Draft, drafted, read_given
from core.services.lookup import Stored, living, named
from core.settings import write_size
from core.vault.owner import Owner, login_owner
from core.vault.ref import Ref

Tested = str | Mapping[str, Any]
"""The name of what is saved, or values that are not saved yet; a blank password there is the one that is kept."""

_BEFORE_THE_SERVER = frozenset({"resolve", "connect"})


def test_account(
    handles: Handles,
    actor: Actor,
    what: Tested,
    *,
    name: str | None = None,
    timeouts: Timeouts | None = None,
    transcript: Transcript | None = None,
) -> Iterator[Step]:
    """Connect, log in, open each folder, and tell what a first run would do; nothing is changed on the server.

    Args:
        handles: what this process holds open.
        actor: who tests.
        what: the name of an account, or values of a form.
        name: with values: the account they are an edit of, for the secrets that stay; unless given, the one of
            the name among the values.
        timeouts: how long it may take.
        transcript: where the dialogue is written, without secrets.

    Raises:
        BadInput: values are missing or wrong.
    """
    _require(actor, "account", what)
    draft = _drafted(handles, ACCOUNT, what, name, ("type", "host", "username"))
    with handles.database.reading() as session:
        as_of = None if draft.row is None else versions(session, ACCOUNT, draft.row)
    use = Use.IMAP if AccountType(draft.values["type"]).is_imap else Use.POP
    passed = yield from _watched(
        _logged_in(handles, draft, use, lambda login: _account_steps(draft, login, timeouts, transcript))
    )
    if passed and isinstance(what, str):
        remember(handles, ACCOUNT, what, passed, as_of)


def test_mailbox(
    handles: Handles,
    actor: Actor,
    what: Tested,
    *,
    name: str | None = None,
    timeouts: Timeouts | None = None,
    transcript: Transcript | None = None,
) -> Iterator[Step]:
    """Connect, log in, and go as far as the relay's leave to send; nothing is sent. As `test_account`."""
    _require(actor, "mailbox", what)
    draft = _drafted(handles, MAILBOX, what, name, ("template",))
    with handles.database.reading() as session:
        template = living(session, TEMPLATE, draft.values["template"])
        if template is None or not template["smtp_host"]:
            text = f"the template {draft.values['template']!r} names no SMTP host."
            raise BadInput(problems=(Problem(f"mailbox {draft.name}", "template", text),))
        as_of = None if draft.row is None else versions(session, MAILBOX, draft.row)
    sender = _sender(draft)
    ehlo_name = template["ehlo_name"] or handles.host or "localhost"

    def steps(login: Login | None) -> Iterator[Step]:
        def probe(server: Server) -> Iterator[Step]:
            return probe_smtp(server, login, ehlo_name, sender, sender, timeouts=timeouts, transcript=transcript)

        return _mailbox_steps(probe, _servers(template), draft.values["max_size"])

    has_login = template["smtp_auth"]
    passed = yield from _watched(_logged_in(handles, draft, Use.SMTP, steps) if has_login else steps(None))
    if passed and isinstance(what, str):
        remember(handles, MAILBOX, what, passed, as_of)


def _watched(steps: Iterator[Step]) -> Generator[Step, None, list[Step]]:
    """Hand the steps on; gives them all back if every one went well, and none otherwise."""
    taken = []
    for step in steps:
        taken.append(step)
        yield step
    return taken if taken and all(step.ok for step in taken) else []


def _require(actor: Actor, kind: str, what: Tested) -> None:
    # With values of one's own choosing the kept password would go to a server of one's own choosing.
    access.require(actor, "test" if isinstance(what, str) else "change", kind)


def _drafted(handles: Handles, kind: Kind, what: Tested, name: str | None, needed: tuple[str, ...]) -> Draft:
    given = read_given(kind, {} if isinstance(what, str) else what)
    with handles.database.reading() as session:
        saved = what if isinstance(what, str) else name
        if saved is None:
            row = living(session, kind, str(given.values.get(kind.key, "")))
        else:
            row = named(session, kind, saved)
        draft = drafted(session, kind, row, given)
    missing = [draft.problem(one, "is missing; it must be given.") for one in needed if not draft.values.get(one)]
    if problems := (*given.problems, *missing):
        raise BadInput(problems=problems)
    return draft


def _logged_in(handles: Handles, draft: Draft, use: Use, steps: Callable[[Login], Iterator[Step]]) -> Iterator[Step]:
    """The steps with the password, or with a token, which is a step of its own."""
    if not draft.values["profile"]:
        with handles.database.reading() as session:
            login = Login(draft.values["username"], _password(session, handles, draft, _owner(draft)))
        yield from steps(login)
        return
    signed_in = yield from token_step(handles, draft, use)
    if signed_in is not None:
        yield from signed_in.explained(steps(signed_in.login))


def _owner(draft: Draft) -> Owner | None:
    if draft.row is None:
        return None
    if draft.kind is ACCOUNT:
        return login_owner(draft.row["id"], draft.row["mailbox_id"])
    return Owner("mailbox", draft.row["id"])


def _password(session: Session, handles: Handles, draft: Draft, owner: Owner | None) -> Secret:
    given = draft.secrets.get("password")
    kept = None
    if given is None and "password" not in draft.secrets and owner is not None:
        kept = handles.vault.fetch(session, *owner, "password")
    password = given.read() if isinstance(given, Ref) else given or kept
    if password is None:
        how = f" Set it: postroom set {draft.kind.name} {draft.name} --password-stdin" if draft.row is not None else ""
        raise BadInput(problems=(draft.problem("password", f"is missing; signing in needs one.{how}"),))
    return password


def _account_steps(
    draft: Draft, login: Login, timeouts: Timeouts | None, transcript: Transcript | None
) -> Iterator[Step]:
    values = draft.values
    kind = AccountType(values["type"])
    trust = TlsTrust(values["tls_ca"], values["tls_fingerprint"])
    server = Server(values["host"], values["port"] or kind.default_port, Security(kind.security), trust)
    protocol, folders = (Incoming.IMAP, values["folders"]) if kind.is_imap else (Incoming.POP3, [""])
    asked = first_run.asked_of(values)
    found: list[Contents] = []
    for number, folder in enumerate(folders):
        for step in probe_incoming(
            server, login, protocol, folder, asked=asked, timeouts=timeouts, transcript=transcript
        ):
            # The way to the server is shown once; of the other folders only what is theirs, or what failed.
            if number == 0 or not step.ok or step.step in {"folder", "count"}:
                yield step
            if not step.ok:
                return
            if isinstance(step.found, Contents):
                found.append(step.found)
    refusal = first_run.refusal(values, found)
    yield Step("plan", refusal is None, 0.0, refusal or first_run.plan(values, found))


def _sender(draft: Draft) -> str:
    """Whom the test names as sender and recipient: what mail of this mailbox leaves as; empty if nobody knows."""
    sender = address_of(draft.values["default_sender"] or draft.values["username"])
    return sender if checks.mail_address(sender) is None else ""


def _mailbox_steps(probe: Callable[[Server], Iterator[Step]], servers: list[Server], own_limit: int) -> Iterator[Step]:
    *others, last = servers
    for server in others:
        for step in probe(server):
            if not step.ok and step.step in _BEFORE_THE_SERVER:
                yield Step(step.step, True, step.ms, f"{server.place}: {step.detail} The fallback follows.")
                break
            yield _limited(step, own_limit)
        else:
            return
    for step in probe(last):
        yield _limited(step, own_limit)


def _limited(step: Step, own_limit: int) -> Step:
    """With a word where the mailbox's own limit means nothing, because the server's is lower."""
    if not isinstance(step.found, Announced) or not 0 < step.found.size_limit < own_limit:
        return step
    return replace(step, detail=f"{step.detail}, less than the mailbox's own limit ({write_size(own_limit)})")


def _servers(template: Stored) -> list[Server]:
    trust = TlsTrust(template["tls_ca"], template["tls_fingerprint"])
    places = [(template["smtp_port"], template["smtp_security"])]
    if template["fallback"]:
        places.append((template["fallback_port"], template["fallback_security"]))
    return [Server(template["smtp_host"], port, Security(security), trust) for port, security in places]
