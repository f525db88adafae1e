"""What each provider and method asks of a profile."""

from datetime import timedelta
from typing import Any

import pytest

from core.clock import utcnow
from core.errors import BadInput
from core.handles import Handles
from core.resources.checks import web_address
from core.resources.kind import FieldType
from core.resources.methods import METHODS, NAMES, PROVIDERS, REFUSED, Method, method_of
from core.resources.profile import PROFILE
from core.services.actor import Actor
from core.services.configuration.profiles import profiles

SAMPLES: dict[str, Any] = {
    "client_id": "11111111-2222-3333-4444-555555555555", "tenant_id": "contoso.onmicrosoft.com",
    "client_secret": "v~alue", "auth_url": "https://id.example.org/auth", "token_url": "https://id.example.org/token",
    "device_url": "http://127.0.0.1:8080/device",
}  # fmt: skip

on_sqlite = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


def _least(method: Method) -> dict[str, Any]:
    return {"provider": method.provider, "method": method.name} | {name: SAMPLES[name] for name in method.needed}


def _titles(method: Method) -> str:
    return f"{method.provider}-{method.name}"


def _refused(handles: Handles, admin: Actor, given: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(BadInput) as refused:
        profiles.add(handles, admin, "p", given)
    return {problem.field: problem.text for problem in refused.value.problems}


def test_every_pair_is_offered_or_refused_with_a_reason() -> None:
    pairs = {(provider, name) for provider in PROVIDERS for name in NAMES}
    assert pairs == {(one.provider, one.name) for one in METHODS} | set(REFUSED)


@pytest.mark.parametrize("method", METHODS, ids=_titles)
def test_the_form_shows_just_the_fields_of_the_method_in_its_order(method: Method) -> None:
    values = {"provider": method.provider, "method": method.name}
    shown = [one.name for one in PROFILE.fields if one.shown_when is None or one.shown_when(values)]
    assert tuple(shown) == ("name", "provider", "method", *method.fields)
    needed = {one.name for one in PROFILE.fields if one.is_needed(values)} - {"name", "provider", "method"}
    assert needed == set(method.needed)


@on_sqlite
def test_what_a_method_needs_is_enough_and_each_part_is_needed(handles: Handles, admin: Actor) -> None:
    for number, method in enumerate(METHODS):
        for missing in method.needed:
            given = {name: value for name, value in _least(method).items() if name != missing}
            if PROFILE.field(missing).type is FieldType.SECRET:  # type: ignore[union-attr]
                continue  # exports hold no secrets, and can be imported
            assert set(_refused(handles, admin, given)) == {missing}, method.title
        saved = profiles.add(handles, admin, f"p{number}", _least(method))
        assert saved.warnings == ((method.retired,) if method.retired else ()), method.title


@on_sqlite
def test_a_secret_that_is_missing_is_warned_of_until_it_is_there(handles: Handles, admin: Actor) -> None:
    method = method_of("office365", "client_secret")
    assert method is not None
    saved = profiles.add(handles, admin, "p", {**_least(method), "client_secret": ""})
    assert "has no client secret yet" in saved.warnings[0]
    assert profiles.warnings(handles, {}, name="p") == list(saved.warnings)
    assert profiles.change(handles, admin, "p", {"client_secret": "v~alue"}).warnings == ()
    assert profiles.warnings(handles, {}, name="p") == []


@on_sqlite
@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"provider": "gmail", "method": "device_code"}, "method", "does not cover mail"),
        ({"provider": "gmail", "method": "password"}, "method", "It is one of refresh_token, authorization_code."),
        ({"tenant_id": "contoso.com/../common"}, "tenant_id", "is the directory's id or its domain"),
        ({"provider": "custom", "token_url": "http://id.example.org/token"}, "token_url", "is an https:// address"),
        ({"secret_expires": "next year"}, "secret_expires", "is a date"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    handles: Handles, admin: Actor, given: dict[str, Any], field: str, words: str
) -> None:
    right = {"provider": "office365", "method": "client_secret", **SAMPLES}
    assert words in _refused(handles, admin, {**right, **given})[field]


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.org/", "http://localhost.example.org/", "http://localhost:pw@example.org/",
        "https://user:pw@example.org/", "https://", "https://:443/", "ftp://example.org/", "https://a b/", "http://127.0.0.1.example.org/",
        "https://example.org:port/", "http://localhost\\@example.org/",
    ],
)  # fmt: skip
def test_an_address_is_https_or_on_this_machine(url: str) -> None:
    assert web_address(url) is not None
    for fine in ("", "https://id.example.org/t?x=1", "http://localhost:1/t", "http://127.0.0.1/t", "http://[::1]:80/"):
        assert web_address(fine) is None


@on_sqlite
def test_what_a_method_does_not_use_and_a_secret_that_ended_are_told(handles: Handles, admin: Actor) -> None:
    method = method_of("office365", "client_secret")
    assert method is not None
    yesterday = f"{utcnow() - timedelta(days=1):%Y-%m-%d}"
    given = {**_least(method), "secret_expires": yesterday, "token_url": "https://id.example.org/token"}
    unused, ended = profiles.add(handles, admin, "p", given).warnings
    assert "no use for token_url" in unused
    assert f"ended on {yesterday}" in ended
