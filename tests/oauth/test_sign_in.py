"""A person signs in: with a code on another screen, or with a browser that comes back with a code."""

from datetime import timedelta

import pytest

from core import clock
from core.errors import BadInput, OAuthRefused, OAuthUnavailable
from core.oauth.sign_in import answer_in, begin_code, begin_device, finish_code, poll_device
from core.secret import Secret
from tests.fakes.token_server import DOWN, GONE, HTML, Said, TokenServer, as_microsoft, refusal
from tests.oauth.worlds import OFFICE365, app_at

REDIRECT = "http://localhost:8400"
MAKERS = [{"provider": "custom"}, {"provider": "gmail"}, OFFICE365]
WITH_DEVICE = [{"provider": "custom"}, OFFICE365]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker["provider"])
def app(request, provider: TokenServer):
    return app_at(provider, "authorization_code", **request.param)


@pytest.fixture(params=WITH_DEVICE, ids=lambda maker: maker["provider"])
def device_app(request, provider: TokenServer):
    return app_at(provider, "device_code", **request.param)


def test_a_browser_brings_back_tokens_and_who_signed_in(app, provider):
    begun = begin_code(app, "ann@example.org", REDIRECT)
    assert "login_hint=ann%40example.org" in begun.url
    assert "code_challenge_method=S256" in begun.url
    grant = finish_code(app, begun, provider.browse(begun.url, "ann@example.org"))
    assert grant.signed_in_as == "ann@example.org"
    assert grant.refresh_token is not None
    assert provider.asked[-1]["redirect_uri"] == REDIRECT


def test_the_answer_is_good_once(app, provider):
    begun = begin_code(app, "", REDIRECT)
    came_back = provider.browse(begun.url, "ann")
    finish_code(app, begun, came_back)
    with pytest.raises(OAuthRefused, match=r"This sign-in was finished already\. Begin another one\."):
        finish_code(app, begun, came_back)
    assert len(provider.asked) == 1


def test_the_answer_of_another_sign_in_is_refused(app, provider):
    ours, others = begin_code(app, "", REDIRECT), begin_code(app, "", REDIRECT)
    came_back = provider.browse(others.url, "mallory")
    with pytest.raises(BadInput, match="belongs to another sign-in"):
        finish_code(app, ours, came_back)
    assert provider.asked == []
    finish_code(app, ours, provider.browse(ours.url, "ann"))  # it did not use ours up


def test_a_stolen_code_is_worth_nothing_without_the_verifier(app, provider):
    ours, others = begin_code(app, "", REDIRECT), begin_code(app, "", REDIRECT)
    code = answer_in(provider.browse(ours.url, "ann"))["code"]
    with pytest.raises(OAuthRefused, match="invalid_grant"):
        finish_code(app, others, f"code={code}&state={others.state}")


def test_after_15_minutes_it_is_over(app, provider, monkeypatch):
    begun = begin_code(app, "", REDIRECT)
    came_back = provider.browse(begun.url, "ann")
    moment = clock.utcnow() + timedelta(minutes=16)
    monkeypatch.setattr(clock, "utcnow", lambda: moment)
    with pytest.raises(OAuthRefused, match="more than 15 minutes"):
        finish_code(app, begun, came_back)


def test_a_person_who_declines_is_told_as_that(app, provider):
    begun = begin_code(app, "", REDIRECT)
    with pytest.raises(OAuthRefused, match="access_denied: the sign-in was declined"):
        finish_code(app, begun, f"{REDIRECT}/?error=access_denied&state={begun.state}")
    assert provider.asked == []


@pytest.mark.parametrize("pasted", ["{0}", "  {0}\n", "{1}", "?{1}"])
def test_the_whole_address_or_its_query_may_be_pasted(pasted):
    query = "code=abc&state=xyz"
    assert answer_in(pasted.format(f"{REDIRECT}/?{query}", query)) == {"code": "abc", "state": "xyz"}


@pytest.mark.parametrize("pasted", ["", "http://localhost:8400/", "abc", "http://[", "a=" * 60, "code=&state=x"])
def test_what_is_no_such_address_is_told(pasted):
    with pytest.raises(BadInput, match="holds no code"):
        answer_in(pasted)


def test_a_code_for_somebody_elses_nonce_is_refused(provider):
    app = app_at(provider, "authorization_code", **OFFICE365)
    begun = begin_code(app, "", REDIRECT)
    came_back = provider.browse(begun.url, "ann@example.org")
    provider.nonce = "another"
    with pytest.raises(OAuthUnavailable, match="makes no sense"):
        finish_code(app, begun, came_back)


def test_another_screen_brings_tokens(device_app, provider):
    begun = begin_device(device_app, "ann@example.org")
    assert (begun.user_code, begun.verification_uri) == ("WXYZ-1234", "https://example.org/device")
    assert poll_device(device_app, begun) is None
    provider.enter_code("ann@example.org")
    grant = poll_device(device_app, begun)
    assert grant is not None
    assert grant.signed_in_as == "ann@example.org"
    assert "device-" not in repr(begun)


def test_polling_slows_down_when_it_is_asked_to(device_app, provider):
    begun = begin_device(device_app)
    before = begun.interval
    provider.instead = [refusal("slow_down")]
    assert poll_device(device_app, begun) is None
    assert begun.interval == before + 5


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (refusal("access_denied"), "the sign-in was declined"),
        (refusal("expired_token"), "the code has run out"),
        (as_microsoft(70020, error="expired_token"), "AADSTS70020: the code has run out"),
        (GONE, "invalid_grant"),
    ],
)
def test_a_device_code_that_comes_to_nothing_is_told(said, words, device_app, provider):
    begun = begin_device(device_app)
    provider.instead = [said]
    with pytest.raises(OAuthRefused, match=words):
        poll_device(device_app, begun)


@pytest.mark.parametrize("said", [DOWN, HTML])
def test_polling_may_go_on_after_a_failure(said, device_app, provider):
    begun = begin_device(device_app)
    provider.instead = [said]
    with pytest.raises(OAuthUnavailable):
        poll_device(device_app, begun)
    assert poll_device(device_app, begun) is None


def test_a_device_code_runs_out(device_app, monkeypatch):
    begun = begin_device(device_app)
    monkeypatch.setattr(clock, "utcnow", lambda: begun.expires_at)
    with pytest.raises(OAuthRefused, match="has run out before anybody signed in"):
        poll_device(device_app, begun)


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"user_code": "A", "device_code": "B", "verification_uri": "javascript:alert(1)"}',
        '{"user_code": 5, "device_code": "B", "verification_uri": "https://example.org"}',
        '{"user_code": "A", "device_code": "B", "interval": [], "expires_in": "soon"}',
    ],
)
def test_a_device_code_that_makes_no_sense_is_not_shown(body, device_app, provider, monkeypatch):
    monkeypatch.setattr(provider, "_device", lambda: Said(body=body))
    with pytest.raises((OAuthUnavailable, OAuthRefused)):
        begin_device(device_app)


def test_a_tenant_that_is_not_there_is_told(provider):
    app = app_at(provider, "device_code", **OFFICE365)
    provider.always = as_microsoft(90002, error="invalid_tenant")
    with pytest.raises(OAuthRefused, match="AADSTS90002: Microsoft does not know the tenant"):
        begin_device(app)


@pytest.mark.parametrize("said", [Said(body="{}"), Said(body='{"token_endpoint": 7}'), HTML, DOWN])
def test_a_lying_discovery_is_told(said, provider):
    provider.always = said
    with pytest.raises(OAuthUnavailable):
        begin_code(app_at(provider, "authorization_code", **OFFICE365), "", REDIRECT)


def test_scopes_that_msal_adds_itself_may_be_named(provider):
    app = app_at(provider, "authorization_code", **OFFICE365, scopes=("https://x/IMAP", "offline_access", "openid"))
    assert "IMAP" in begin_code(app, "", REDIRECT).url


def test_no_secret_of_a_sign_in_shows(app, provider):
    begun = begin_code(app, "", REDIRECT)
    assert Secret(begun.verifier)
    assert begun.verifier not in repr(begun)
    assert provider.client_secret not in begun.url + repr(app)
