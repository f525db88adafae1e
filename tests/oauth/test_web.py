"""A provider that is down, slow, elsewhere or lying costs one clear sentence and no more time than it was given."""

import base64
import gzip
import json
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from core import clock
from core.errors import OAuthUnavailable, PostroomError
from core.oauth.exchange import LARGEST
from core.oauth.held import Held
from core.oauth.problems import Refusal
from core.oauth.providers import provider_of
from core.oauth.question import asked as ask_for
from core.oauth.signer import Signer
from core.oauth.web import Web
from core.protocols.tls import TlsTrust, context_for
from core.secret import Secret
from core.vault.owner import Owner
from tests.fakes.token_server import DOWN, FAULT, HTML, THROTTLED, Said, TokenServer, reaching, refusal
from tests.oauth.worlds import app_at
from tests.servers.certificates import Certificates


@pytest.fixture
def server():
    with TokenServer() as server:
        server.application_user = "user"
        yield server


def asked(server: TokenServer, seconds: float = 10.0, **values):
    return provider_of(app_at(server, "client_secret", **values), Web(seconds)).for_application()


LIES = {
    "no token": Said(body="{}"),
    "a list": Said(body="[1]"),
    "no JSON": Said(body="access_token=abc"),
    "nothing": Said(),
    "a token of line breaks": Said(body=json.dumps({"access_token": "a\r\nA1 LOGOUT"})),
    "a token of another kind": Said(body=json.dumps({"access_token": "abc", "token_type": "mac"})),
    "a number for a token": Said(body=json.dumps({"access_token": 5})),
    "a token that is over": Said(body=json.dumps({"access_token": "abc", "expires_in": 0})),
    "a token that never was": Said(body=json.dumps({"access_token": "abc", "expires_in": -1e99})),
    "far too much": Said(body=json.dumps({"access_token": "abc", "x": "x" * LARGEST})),
    "a redirect": Said(302, "", {"Location": "https://example.org/"}),
    "a web page": HTML,
    "a page for an error": Said(400, "<html>Bad Request</html>", {"Content-Type": "text/html"}),
    "XML": Said(200, "<a/>", {"Content-Type": "text/xml"}),
    "XML, out of order": FAULT,
    "out of order": DOWN,
    "throttled": THROTTLED,
    "deep": Said(body="[" * 100_000),
}


@pytest.mark.parametrize("said", LIES.values(), ids=LIES.keys())
@pytest.mark.parametrize("maker", ["custom", "gmail", "office365"])
def test_what_is_no_answer_passes(maker, said, server, monkeypatch):
    server.instead = [said] * 4
    app = app_at(server, "refresh_token", provider=maker, tenant_id="contoso.example")
    with reaching(server, monkeypatch), pytest.raises(OAuthUnavailable) as unavailable:
        provider_of(app, Web()).by_refresh_token(Secret("refresh"))
    text = str(unavailable.value)
    assert text.startswith("No token for now: ")
    assert text.endswith(".")
    assert "\n" not in text
    assert server.client_secret not in text


def test_an_answer_that_is_packed_though_nobody_asked_is_read(server):
    packed = gzip.compress(json.dumps({"access_token": "abc"}).encode())
    server.always = Said(body=packed, headers={"Content-Encoding": "gzip"})
    assert asked(server).access_token.reveal() == "abc"


def test_a_packed_flood_ends_early(server):
    server.always = Said(body=gzip.compress(bytes(LARGEST * 100)), headers={"Content-Encoding": "gzip"})
    with pytest.raises(OAuthUnavailable, match="more than 256 kB"):
        asked(server)


DEEP = "x." + base64.urlsafe_b64encode(b"[" * 60_000).decode() + ".x"


@pytest.mark.parametrize(
    "answer",
    [
        {"expires_in": "3600"},
        {"expires_in": None},
        {"expires_in": "soon"},
        {"expires_in": 10**400},
        {"refresh_token_expires_in": -(10**400)},
        {"id_token": DEEP},
        {},
    ],
)
def test_an_answer_that_is_only_careless_will_do(answer, server):
    server.always = Said(body=json.dumps({"access_token": "abc", **answer}))
    grant = asked(server)
    assert timedelta(minutes=59) < grant.expires_at - clock.utcnow() <= timedelta(hours=1)


@pytest.mark.parametrize("said", [Said(hang=60), Said(drip=True)])
def test_a_slow_provider_gets_no_more_time_than_the_whole_conversation_has(said, server):
    server.always = said
    with pytest.raises(OAuthUnavailable, match="too slow"):
        asked(server, seconds=0.2)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("0", 0), ("999999999", 24 * 3600), ("-5", None), ("soon", None), ("", None)],
)
def test_how_long_to_stay_away_is_read(header, seconds, server):
    server.always = Said(429, "{}", {"Retry-After": header})
    with pytest.raises(OAuthUnavailable) as throttled:
        asked(server)
    assert throttled.value.retry_after == seconds


def test_a_date_to_come_back_is_read(server):
    server.always = Said(503, "{}", {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(minutes=2))})
    with pytest.raises(OAuthUnavailable) as throttled:
        asked(server)
    assert throttled.value.retry_after == pytest.approx(120, abs=10)


def test_nobody_there_is_told(server):
    with pytest.raises(OAuthUnavailable, match="cannot be reached"):
        asked(server, token_url="http://127.0.0.1:1/token")


def test_another_clock_is_told_with_the_refusal(server):
    server.always = refusal("invalid_client")
    asked_at = format_datetime(datetime.now(UTC) - timedelta(minutes=20), usegmt=True)
    server.always = Said(400, server.always.body, {"Date": asked_at})
    with pytest.raises(Refusal) as refused:
        asked(server)
    assert refused.value.skew == pytest.approx(-1200, abs=30)


def test_in_clear_only_on_this_machine(server):
    with pytest.raises(Exception, match="The token address of profile p is an https:// address"):
        asked(server, token_url="http://example.org/token")


def test_a_certificate_that_nobody_vouches_for_is_refused(certificates: Certificates):
    with TokenServer(certificates.good) as server, pytest.raises(OAuthUnavailable, match="no certificate that this"):
        asked(server)
    assert server.asked == []


def test_tls_with_an_authority_of_ones_own(certificates: Certificates, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.good.authority))
    trusted_by_mail = context_for(TlsTrust()).cert_store_stats()
    with TokenServer(certificates.good) as server:
        server.application_user = "user"
        assert server.lets_in("user", asked(server).access_token.reveal())
    assert context_for(TlsTrust()).cert_store_stats() == trusted_by_mail


@pytest.mark.parametrize("maker", ["custom", "gmail", "office365"])
@pytest.mark.parametrize("method", ["client_secret", "password", "refresh_token"])
def test_no_secret_shows_in_what_is_raised_or_logged(maker, method, server, monkeypatch, caplog):
    caplog.set_level(0)
    app = app_at(server, method, provider=maker, tenant_id="contoso.example")
    password, refresh = Secret("canary-password"), Secret("canary-refresh")
    signer = Signer(Owner("account", 1), "a", 1, app, "user", password=password, seed=refresh)
    secrets = [server.client_secret, password.reveal(), refresh.reveal()]
    echo = refusal("invalid_grant", " ".join(secrets))
    with reaching(server, monkeypatch):
        for said in (LIES["a token of line breaks"], HTML, THROTTLED, echo, refusal(refresh.reveal())):
            server.instead = [said] * 3
            with pytest.raises(PostroomError) as raised:
                ask_for(signer, Held(refresh=refresh))
            shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + repr(signer)
            assert [secret for secret in secrets if secret in shown + caplog.text] == []
        server.instead, server.application_user = [], "user"
        server.passwords["user"], server.refresh[refresh.reveal()] = password.reveal(), "user"
        server.rotates = True
        grant = ask_for(signer, Held(refresh=refresh))
        assert repr(grant).count("****") == (1 if grant.refresh_token is None else 2)
    assert [token for token in (*server.access, *server.refresh, *secrets) if token in caplog.text] == []
