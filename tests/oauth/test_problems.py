"""Each refusal becomes one sentence that names the thing and says what to do."""

import re

import pytest

from core.errors import NeedsSignIn, OAuthRefused, OAuthUnavailable
from core.oauth.aadsts import CODES
from core.oauth.app import App
from core.oauth.problems import Refusal, Whom, refusal_from, translated
from core.secret import Secret

OFFICE = App(
    "office",
    "office365",
    "client_secret",
    "client-1",
    Secret("hush"),
    "contoso.example",
    scopes=("https://x/IMAP.Read",),
)
GMAIL = App("google", "gmail", "refresh_token", "client-1", Secret("hush"))
CUSTOM = App("own", "custom", "password", "client-1", Secret("hush"))
WHOM = Whom("account support", "support@example.org", "Sign in again: postroom oauth login account support")


def microsoft(code: int, error: str = "invalid_grant") -> Refusal:
    return Refusal(error, f"AADSTS{code}: Something long. Trace ID: 1-2 Correlation ID: 3-4")


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (90002, OAuthRefused, "take the Directory (tenant) ID"),
        (700016, OAuthRefused, "no application with the client id 'client-1'"),
        (7000215, OAuthRefused, "enter the secret's Value, not its Secret ID"),
        (7000222, OAuthRefused, "the client secret of profile office has expired: make a new one"),
        (7000218, OAuthRefused, "Allow public client flows"),
        (65001, OAuthRefused, "add IMAP.Read and choose Grant admin consent"),
        (50105, OAuthRefused, "'support@example.org' is not assigned"),
        (50057, OAuthRefused, "is disabled"),
        (53003, OAuthRefused, "conditional access"),
        (50076, NeedsSignIn, "a second factor"),
        (50079, NeedsSignIn, "a second factor"),
        (50158, NeedsSignIn, "a second factor"),
        (50126, NeedsSignIn, "user name or password of account support is wrong"),
        (50173, NeedsSignIn, "was revoked, or the password has changed"),
        (700082, NeedsSignIn, "has run out"),
        (70043, NeedsSignIn, "has run out"),
        (90033, OAuthUnavailable, "Microsoft is busy"),
    ],
)
def test_microsofts_codes(code, error, words):
    told = translated(microsoft(code), OFFICE, WHOM)
    assert isinstance(told, error)
    assert str(told).startswith(f"AADSTS{code}: ")
    assert words in str(told)


@pytest.mark.parametrize("code", CODES)
def test_every_code_makes_a_whole_sentence(code):
    for method in ("client_secret", "password"):
        app = App("office", "office365", method, "client-1", Secret("hush"), "contoso.example")
        text = str(translated(microsoft(int(code)), app, WHOM))
        assert re.fullmatch(r"AADSTS\d+: [^{}\n]+(\.|account support)", text)


def test_a_second_factor_is_told_otherwise_for_a_password():
    app = App("office", "office365", "password", "client-1")
    assert "which user name and password cannot give" in str(translated(microsoft(50076), app, WHOM))


def test_a_code_we_do_not_know_is_told_in_microsofts_words():
    told = translated(microsoft(99999, "invalid_client"), OFFICE, WHOM)
    assert str(told) == "AADSTS99999: Something long."
    assert isinstance(told, OAuthRefused)
    told = translated(microsoft(99999), OFFICE, WHOM)
    assert str(told) == "AADSTS99999: Something long. Sign in again: postroom oauth login account support"
    assert isinstance(told, NeedsSignIn)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("invalid_grant", NeedsSignIn, "where tokens live for seven days. Sign in again"),
        ("invalid_client", OAuthRefused, "copy both anew"),
        ("unauthorized_client", OAuthRefused, "was given to another client id"),
        ("deleted_client", OAuthRefused, "was deleted"),
        ("invalid_scope", OAuthRefused, "https://mail.google.com/"),
        ("admin_policy_enforced", OAuthRefused, "administrator blocks"),
        ("access_denied", NeedsSignIn, "declined"),
        ("server_error", OAuthUnavailable, "out of order"),
    ],
)
def test_googles_words(error, kind, words):
    told = translated(Refusal(error, "Its own words"), GMAIL, WHOM)
    assert isinstance(told, kind)
    assert words in str(told)


def test_google_wants_a_sign_in_by_the_rules_of_a_workspace():
    assert "session control" in str(translated(Refusal("invalid_grant", "", "invalid_rapt"), GMAIL, WHOM))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("invalid_grant", NeedsSignIn),
        ("invalid_client", OAuthRefused),
        ("unsupported_grant_type", OAuthRefused),
        ("temporarily_unavailable", OAuthUnavailable),
        ("what_is_this", OAuthRefused),
        ("", OAuthRefused),
    ],
)
def test_any_providers_words(error, kind):
    told = translated(Refusal(error, "hush \x1b]0;x\x07 " + "so long " * 500), CUSTOM, WHOM)
    assert isinstance(told, kind)
    assert "hush" not in str(told)
    assert len(str(told)) < 700


@pytest.mark.parametrize("answer", [{}, {"error": 5}, {"error": {"status": "X", "message": 7}}, {"error": ["a"]}])
def test_a_refusal_that_makes_no_sense_is_one_all_the_same(answer):
    assert isinstance(translated(refusal_from(answer), CUSTOM, WHOM), OAuthRefused)


@pytest.mark.parametrize(("skew", "words"), [(600, "10 minutes behind"), (-600, "10 minutes ahead of"), (60, "")])
def test_a_wrong_clock_is_told(skew, words):
    text = str(translated(Refusal("invalid_grant", skew=skew), GMAIL, WHOM))
    assert ("this machine's clock is" in text) == bool(words)
    assert words in text
