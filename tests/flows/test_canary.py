"""A secret of every kind put in everywhere; afterwards it is looked for everywhere, and found nowhere."""

import base64
import json
import logging
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from core.handles import Handles
from core.inbound.run.fetch import FetchOptions
from core.models import RunEvent
from core.outbound.sending.deliver import deliver_due
from core.secret import Secret
from core.services import requests
from core.services.actor import Actor
from core.services.configuration.catalogue import RESOURCES
from core.services.connection_tests.test_orders import steps
from core.workers.fetch_now import fetch_now
from tests import waiting
from tests.accounts import ON_SQLITE, add_account, at, message, rows_of
from tests.canaries import Canaries, forms_of
from tests.cli.conftest import Shell
from tests.console.conftest import Console
from tests.fakes.token_server import TokenServer
from tests.oauth.worlds import add_profile
from tests.outbound.world import QUICK, add_mailbox, put
from tests.servers.dovecot import DovecotServer
from tests.servers.smtp import RuledSink
from tests.servers.tokens import TokenDovecot, TokenSink
from tests.services import worlds
from tests.waiting import PATIENCE
from tui.console.app import PostroomApp
from tui.console.preferences import Preferences
from tui.console.widgets.form_field import FormField

KEEPS_THEM = ("key",)
"""The one file that may hold a secret."""


def test_each_form_of_a_secret_is_recognised() -> None:
    canaries = Canaries({})
    secret = canaries["one"]

    for login in (f"\0user\0{secret}", f"user={secret}\x01\x01", secret, f"ab{secret}"):
        encoded = base64.b64encode(login.encode())
        assert canaries.found_in(b"AUTH PLAIN " + encoded), login
    assert set(forms_of(secret)) >= {one.rpartition(", ")[2] for one in canaries.found_in(secret)}
    assert canaries.found_in("an innocent line") == []


class Watch(threading.Thread):
    """Looks at the argument lists of all processes while a test runs."""

    def __init__(self, canaries: Canaries) -> None:
        super().__init__(daemon=True)
        self._canaries = canaries
        self._over = threading.Event()
        self.found: list[str] = []
        self.looks = 0

    def run(self) -> None:
        while not self._over.wait(0.2):
            self.found += self._canaries.found_in_processes()
            self.looks += 1

    def end(self) -> list[str]:
        self._over.set()
        self.join()
        assert self.looks
        return self.found


def test_nothing_that_commands_and_workers_write_holds_a_secret(
    tmp_path: Path, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = Canaries({})
    user = dovecot.fresh_user(password=canaries["password of an account"])
    for number in range(3):
        dovecot.append(user, message(number))
    said: list[str] = []
    postroom = Shell(tmp_path / "home")

    def run(*words: str, stdin: str = "") -> str:
        done = postroom(*words, stdin=stdin.encode())
        said.extend((done.out, done.err))
        return done.out

    watch = Watch(canaries)
    with RuledSink(users={"u": canaries["password of a mailbox"]}) as sink:
        watch.start()
        file = tmp_path / "config.toml"
        file.write_text(_configuration(canaries, sink, dovecot, user))
        run("config", "import", str(file), "--debug")
        file.unlink()
        run("set", "account", "in", "--password-stdin", stdin=canaries["password of an account"])

        # As it should be, wrong, and with a fault of ours in the middle; each with all that can be said of it.
        run("fetch", "in", "--debug")
        run("fetch", "pop", "--debug", "--json")
        run("test", "account", "in", "--debug")
        run("test", "account", "pop", "--password-stdin", "--debug", stdin=canaries["a wrong password"])
        run("test", "mailbox", "out", "--debug")
        run("send", "-f", "a@example.org", "b@example.net", stdin="Subject: one\n\nx\n")
        run("deliver", "--debug")
        run("set", "mailbox", "out", "--password-stdin", stdin=canaries["a wrong password of a mailbox"])
        run("send", "-f", "a@example.org", "b@example.net", stdin="Subject: two\n\nx\n")
        run("deliver", "--debug")
        dovecot.append(user, message(4))
        for place in ("K1", "K2", "K9"):
            postroom.variables["POSTROOM_FAILPOINT"] = f"{place}:raise"
            fault = postroom("fetch", "in", "--debug")
            said.extend((fault.out, fault.err))
        del postroom.variables["POSTROOM_FAILPOINT"]
        assert any("Traceback" in text for text in said)

        for kind in ("account", "mailbox", "profile", "handoff", "setting", "audit", "run", "event", "outbox"):
            run("list", kind, "--json")
        for words in (("account", "in"), ("mailbox", "out"), ("profile", "p"), ("handoff", "h"), ("run", "1")):
            run("show", *words, "--json")
        run("config", "export")
        run("doctor")
        run("key", "rotate")
        run("db", "backup", str(tmp_path / "home" / "backup.db"))
        worker = postroom.start("--worker", "--debug")
        said.append(Path(f"/proc/{worker.pid}/environ").read_text())
        run("set", "mailbox", "out", "--password-stdin", stdin=canaries["password of a mailbox"])
        run("outbox", "retry", "--all")
        waiting.until(lambda: len(sink.deliveries) >= 2)
        worker.send_signal(signal.SIGTERM)
        said.extend(one.decode() for one in worker.communicate(timeout=PATIENCE))

    assert watch.end() == []
    assert canaries.found_in("\n".join(said)) == []
    assert canaries.found_in_columns(tmp_path / "home" / "postroom.db") == []
    assert canaries.found_in_files(tmp_path / "home", but=KEEPS_THEM) == []
    assert (tmp_path / "home" / "backup.db").exists()


def _configuration(canaries: Canaries, sink: RuledSink, dovecot: DovecotServer, user: str) -> str:
    return f"""
    [settings.listener]
    username = "u"
    password = {json.dumps(canaries["password of the listener"])}
    [[template]]
    name = "T"
    smtp_host = "127.0.0.1"
    smtp_port = {sink.port}
    smtp_security = "none"
    [[mailbox]]
    name = "out"
    template = "T"
    username = "u"
    default_sender = "a@example.org"
    password = {json.dumps(canaries["password of a mailbox"])}
    [[account]]
    name = "in"
    type = "IMAP"
    host = "{dovecot.host}"
    port = {dovecot.ports.imap}
    username = "{user}"
    password = {json.dumps(canaries["a mistyped password"])}
    [[account]]
    name = "pop"
    type = "POP3"
    host = "{dovecot.host}"
    port = {dovecot.ports.pop3}
    username = "{user}"
    password = {json.dumps(canaries["password of an account"])}
    [[profile]]
    name = "p"
    provider = "office365"
    method = "refresh_token"
    client_id = "id"
    tenant_id = "contoso.example"
    client_secret = {json.dumps(canaries["client secret of a profile"])}
    [[account]]
    name = "by token"
    type = "IMAPS"
    host = "127.0.0.1"
    username = "u@example.org"
    profile = "p"
    validity = "invalid"
    refresh_token = {json.dumps(canaries["refresh token of an account"])}
    [[handoff]]
    name = "h"
    url = "https://127.0.0.1:1/"
    secret = {json.dumps(canaries["secret of a hand-off"])}
    """


@ON_SQLITE
def test_nothing_that_signs_in_with_tokens_writes_one(
    handles: Handles, provider: TokenServer, token_dovecot: TokenDovecot, token_sink: TokenSink,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    user = token_dovecot.fresh_user()
    token_dovecot.deliver(user, [message(1)])
    profile_id = add_profile(handles, provider, "refresh_token")
    mailbox_id = add_mailbox(handles, "m", token_sink, t_smtp_auth=True, username=user, profile_id=profile_id)
    add_account(handles, profile_id=profile_id, mailbox_id=mailbox_id, **at(token_dovecot, user))
    seed = provider.sign_in(user)
    handles.database.writing(
        lambda session: handles.vault.store(session, "mailbox", mailbox_id, "refresh_token", Secret(seed))
    )
    lines: list[Any] = []
    put(handles)

    fetch_now(handles, None, options=FetchOptions(debug=True, listener=lines.append))
    deliver_due(handles, timeouts=QUICK)
    provider.access.clear()  # what was given is refused from now on
    fetch_now(handles, None, options=FetchOptions(debug=True, listener=lines.append))

    tokens = {f"token {number}": one for number, one in enumerate((*provider.access, *provider.refresh, seed))}
    canaries = Canaries({**tokens, "client secret": provider.client_secret})
    assert any("AUTHENTICATE" in line.text for line in lines)
    assert canaries.found_in("\n".join(str(line) for line in lines)) == []
    assert canaries.found_in(caplog.text) == []
    assert canaries.found_in(str(rows_of(handles, RunEvent, "seq"))) == []
    handles.database.close()
    assert canaries.found_in_columns(handles.environment.database_file) == []


@ON_SQLITE
async def test_no_screen_shows_a_secret(handles: Handles, admin: Actor, tmp_path: Path) -> None:
    canaries = Canaries({})
    for kind, field in (("account", "password"), ("profile", "client_secret"), ("handoff", "secret")):
        worlds.add(handles, admin, kind, f"a {kind}", **{field: Secret(canaries[f"{field} of {kind}"])})
    worlds.add(handles, admin, "template", "t", smtp_auth=True)
    worlds.add(handles, admin, "mailbox", "a mailbox", template="t", password=Secret(canaries["password of mailbox"]))
    shown: list[str] = []
    app = PostroomApp(handles, admin, preferences=Preferences())
    async with app.run_test(size=(120, 50)) as pilot:
        console = Console(pilot)
        await console.settled()
        for place in ("accounts", "profiles", "mailboxes", "handoffs", "audit", "settings"):
            console.app.go_to(place)
            await console.settled()
            shown += [console.text, console.app.export_screenshot()]
            await console.press("e")
            for field in console.app.screen.query(FormField):
                if place == "accounts" and field.field.name == "password":
                    field.widget.focus()
                    await console.settled()
                    await console.type(canaries["typed"])
                    assert getattr(field.widget, "value", "") == canaries["typed"]
            shown += [console.text, console.app.export_screenshot()]
            await console.press("escape")
            await console.press("y")  # throw away what was typed
            shown += [console.text]

    assert "a mailbox" in "".join(shown)
    assert canaries.found_in("".join(shown)) == []
    assert canaries.found_in_files(handles.environment.home, but=KEEPS_THEM) == []


@ON_SQLITE
def test_an_order_with_values_and_its_failure_show_none(handles: Handles, admin: Actor) -> None:
    canaries = Canaries({})
    values = {**worlds.ACCOUNT, "name": "x", "password": Secret(canaries["password of an order"])}
    requests.ask(handles, admin, "test", "account:x", values=values)

    with pytest.raises(Exception) as raised:
        list(steps(handles, admin, RESOURCES["account"].kind, {**values, "type": "nonsense"}))

    assert canaries.found_in(f"{raised.getrepr(showlocals=True)}") == []
    handles.database.close()
    assert canaries.found_in_columns(handles.environment.database_file) == []
