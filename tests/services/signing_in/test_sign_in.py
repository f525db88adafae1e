"""Signing in for an account: with a device code, with a browser, by a worker that has the key; and who may."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlmodel import select

from core.clock import utcnow
from core.errors import BadInput, ConfigurationError, NotPermitted, OAuthRefused, PostroomError, WorkerNeeded
from core.gateway import open_gateway
from core.handles import Handles
from core.models import Audit, Request, Worker
from core.oauth.cache import access_token
from core.oauth.waiting import Prompt, SignedIn
from core.services.actor import Actor, Role
from core.services.configuration.profiles import profiles
from core.services.doctor.examination import Level, examine
from core.services.signing_in import sign_in
from core.services.signing_in.sign_in import Flow
from core.services.signing_in.sign_in_status import Standing, State, standings
from core.vault.owner import Owner
from core.workers.sign_ins import SignIns
from tests.accounts import ON_SQLITE
from tests.fakes.token_server import TokenServer
from tests.services.worlds import ACCOUNT, add, put
from tests.waiting import until

pytestmark = ON_SQLITE

USER = ACCOUNT["username"]


@pytest.fixture
def account(handles: Handles, admin: Actor, provider: TokenServer) -> Callable[[str], int]:
    """An account that signs in by a method, at the token server."""

    def made(method: str) -> int:
        values = {"client_secret": provider.client_secret, **provider.profile(method)}
        profiles.add(handles, admin, "p", values)
        return add(handles, admin, "account", "support", profile="p")

    return made


def _entering(provider: TokenServer, user: str) -> Callable[[float], bool]:
    """A pause in which the person enters the code."""

    def pause(_: float) -> bool:
        provider.enter_code(user)
        return True

    return pause


def _standing(handles: Handles, actor: Actor) -> Standing:
    (one,) = standings(handles, actor)
    return one


def test_a_device_code_is_shown_entered_and_kept(
    handles: Handles, admin: Actor, provider: TokenServer, account: Callable[[str], int]
) -> None:
    account_id = account("device_code")
    assert _standing(handles, admin).state is State.NEEDS_SIGN_IN
    assert "postroom oauth login account support" in _standing(handles, admin).detail

    assert sign_in.flow_for(handles, admin, "account", "support") is Flow.DEVICE
    prompt, done = sign_in.by_device(handles, admin, "account", "support", _entering(provider, USER))

    assert isinstance(prompt, Prompt)
    assert (prompt.code, prompt.address) == ("WXYZ-1234", "https://example.org/device")
    assert done == SignedIn("account", "support", USER)
    assert provider.lets_in(USER, access_token(handles, Owner("account", account_id)))
    standing = _standing(handles, admin)
    assert (standing.state, standing.signed_in_as, standing.detail) == (State.SIGNED_IN, USER, "")
    with handles.database.reading() as session:
        line = session.exec(select(Audit).order_by(Audit.id.desc())).first()  # type: ignore[union-attr]
    assert (line.verb, line.name, line.after) == ("sign in", "support", {"profile": "p", "signed_in_as": USER})


def test_a_browser_comes_back_with_a_code(
    handles: Handles, admin: Actor, provider: TokenServer, account: Callable[[str], int]
) -> None:
    account_id = account("authorization_code")
    browser = sign_in.in_browser(handles, admin, "account", "support", "http://localhost:8400")
    assert "login_hint=support%40example.org" in browser.url
    with pytest.raises(BadInput):
        sign_in.finish(handles, admin, browser, "http://localhost:8400?code=1&state=another", lambda _: True)
    answer = provider.browse(browser.url, USER)
    done = sign_in.finish(handles, admin, browser, answer, lambda _: True)
    assert done == SignedIn("account", "support", USER)
    assert provider.lets_in(USER, access_token(handles, Owner("account", account_id)))


def test_somebody_else_who_signs_in_is_refused_and_nothing_is_kept(
    handles: Handles, admin: Actor, provider: TokenServer, account: Callable[[str], int]
) -> None:
    account("device_code")
    with pytest.raises(OAuthRefused, match=r"boss@example\.org"):
        list(sign_in.by_device(handles, admin, "account", "support", _entering(provider, "boss@example.org")))
    assert _standing(handles, admin).state is State.NEEDS_SIGN_IN


def test_giving_up_leaves_nothing_behind(
    handles: Handles, admin: Actor, provider: TokenServer, account: Callable[[str], int]
) -> None:
    account("device_code")
    assert len(list(sign_in.by_device(handles, admin, "account", "support", lambda _: False))) == 1
    assert provider.asked == []
    with handles.database.reading() as session:
        assert session.exec(select(Request)).all() == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_only_who_may_change_credentials_signs_in(
    handles: Handles, provider: TokenServer, account: Callable[[str], int], role: Role
) -> None:
    account("device_code")
    other = Actor("ann", "here", role)
    calls: list[Callable[[], Any]] = [
        lambda: sign_in.flow_for(handles, other, "account", "support"),
        lambda: list(sign_in.by_device(handles, other, "account", "support", lambda _: True)),
        lambda: sign_in.in_browser(handles, other, "account", "support", "http://localhost"),
    ]
    for call in calls:
        with pytest.raises(NotPermitted):
            call()
    assert provider.devices == {}


@pytest.mark.parametrize(
    ("values", "wanted", "words"),
    [
        ({"method": "client_secret"}, None, "Nobody has to sign in"),
        ({"provider": "gmail", "method": "refresh_token"}, Flow.DEVICE, "does not cover mail"),
        ({"method": "authorization_code", "device_url": ""}, Flow.DEVICE, "has no device_url"),
        ({"method": "device_code", "auth_url": ""}, Flow.BROWSER, "has no auth_url"),
    ],
)
def test_a_way_that_cannot_be_is_refused_with_the_reason(
    handles: Handles, admin: Actor, provider: TokenServer, values: dict[str, Any], wanted: Flow | None, words: str
) -> None:
    profiles.add(handles, admin, "p", {**provider.profile("password"), **values})
    add(handles, admin, "account", "support", profile="p")
    with pytest.raises(ConfigurationError, match=words):
        sign_in.flow_for(handles, admin, "account", "support", wanted)


def test_without_a_profile_there_is_nothing_to_sign_in_with(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "account", "support")
    with pytest.raises(ConfigurationError, match="has no sign-in profile"):
        sign_in.flow_for(handles, admin, "account", "support")


# -- by a worker ----------------------------------------------------------------------------------------------------


@pytest.fixture
def worker(handles: Handles) -> Iterator[Handles]:
    """A worker that has the key and carries out sign-ins."""
    with_key, stop = open_gateway(handles.environment), threading.Event()
    sign_ins = SignIns(with_key, stop)

    def work() -> None:
        while not stop.wait(0.02):
            sign_ins.take()

    now = utcnow()
    put(handles, Worker(id=with_key.worker_id, host="h", pid=1, started_at=now, heartbeat_at=now))
    thread = threading.Thread(target=work)
    thread.start()
    yield with_key
    stop.set()
    thread.join()
    until(lambda: not any(one.name.startswith("sign-in-") for one in threading.enumerate()))
    with_key.close()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.services.signing_in.sign_in_orders.LOOK", 0.02)


def _looking(provider: TokenServer, user: str) -> Callable[[float], bool]:
    def pause(seconds: float) -> bool:
        provider.enter_code(user)
        threading.Event().wait(seconds)
        return True

    return pause


@pytest.mark.usefixtures("at_once")
def test_who_lacks_the_key_has_a_worker_sign_in(
    handles: Handles, admin: Actor, provider: TokenServer, account: Callable[[str], int], worker: Handles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    account_id = account("device_code")
    monkeypatch.setattr(handles.vault, "can_open", lambda: False)
    prompt, done = sign_in.by_device(handles, admin, "account", "support", _looking(provider, USER))
    assert isinstance(prompt, Prompt)
    assert prompt.code == "WXYZ-1234"
    assert done == SignedIn("account", "support", USER)

    browser = sign_in.in_browser(handles, admin, "account", "support", "http://localhost")
    answer = provider.browse(browser.url, USER)
    assert sign_in.finish(handles, admin, browser, answer, _looking(provider, USER)) == done
    assert provider.lets_in(USER, access_token(worker, Owner("account", account_id)))
    with handles.database.reading() as session:
        (_, second) = session.exec(select(Request).order_by(Request.id)).all()  # type: ignore[arg-type]
    assert browser.begun.verifier.encode() not in (second.sealed_values or b"")


@pytest.mark.usefixtures("at_once", "worker")
@pytest.mark.parametrize("ends", ["refused", "given up"])
def test_a_workers_refusal_is_told_and_who_gives_up_ends_it(
    handles: Handles, admin: Actor, provider: TokenServer, account: Callable[[str], int],
    monkeypatch: pytest.MonkeyPatch, ends: str,
) -> None:  # fmt: skip
    account("device_code")
    monkeypatch.setattr(handles.vault, "can_open", lambda: False)
    steps = sign_in.by_device(handles, admin, "account", "support", _looking(provider, "boss@example.org"))
    next(steps)
    if ends == "refused":
        with pytest.raises(OAuthRefused, match=r"boss@example\.org"):
            list(steps)
    else:
        steps.close()  # type: ignore[attr-defined]
    with handles.database.reading() as session:
        assert session.exec(select(Request.state)).all() == ["failed"]


def test_without_key_and_worker_it_is_refused_at_once(
    handles: Handles, admin: Actor, account: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    account("device_code")
    monkeypatch.setattr(handles.vault, "can_open", lambda: False)
    with pytest.raises(WorkerNeeded, match="postroom --worker") as refused:
        next(sign_in.by_device(handles, admin, "account", "support", lambda _: True))
    assert isinstance(refused.value, PostroomError)
    assert refused.value.exit_code == 75
    with handles.database.reading() as session:
        assert session.exec(select(Request)).all() == []


def test_the_doctor_names_those_for_whom_somebody_must_sign_in(
    handles: Handles, admin: Actor, provider: TokenServer, account: Callable[[str], int]
) -> None:
    def finding() -> tuple[Level, str]:
        found = {one.check: one for one in examine(handles.environment, lambda: handles)}["sign-ins"]
        return found.level, found.text

    assert finding() == (Level.OK, "none is needed")
    account("device_code")
    assert finding() == (Level.ERROR, "Somebody must sign in: account support. See: postroom oauth status")
    list(sign_in.by_device(handles, admin, "account", "support", _entering(provider, USER)))
    assert finding() == (Level.OK, "1 with a profile")
