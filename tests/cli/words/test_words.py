"""How command lines are read: options anywhere, filters, assignments, times."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import BadInput, Misuse
from core.resources.account import ACCOUNT
from core.resources.kind import Kind
from core.resources.routing import FILTER
from tui.cli.told.output import fitted
from tui.cli.words.assignments import read_assignments, read_fields, read_texts, toml_value
from tui.cli.words.listing import Listing, read_listing
from tui.cli.words.moments import read_moment
from tui.cli.words.options import split_common


@pytest.mark.parametrize(
    ("words", "rest", "json", "quiet", "debug"),
    [
        (["list", "--json", "account"], ["list", "account"], True, False, False),
        (["--quiet", "fetch", "a", "--debug"], ["fetch", "a"], False, True, True),
        (["list", "account", "--", "--json"], ["list", "account", "--", "--json"], False, False, False),
    ],
)
def test_common_options_may_stand_anywhere(
    words: list[str], rest: list[str], json: bool, quiet: bool, debug: bool
) -> None:
    invocation, left = split_common(words)
    assert left == rest
    assert (invocation.json, invocation.quiet, invocation.debug) == (json, quiet, debug)


def test_a_flag_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTROOM_HOME", "/from/environment")
    assert str(split_common(["list", "--home", "/from/flag"])[0].environment.home) == "/from/flag"
    assert str(split_common(["list", "--home=/from/flag"])[0].environment.home) == "/from/flag"
    assert str(split_common(["list"])[0].environment.home) == "/from/environment"


@pytest.mark.parametrize(
    ("words", "listing"),
    [
        (["record"], Listing("record")),
        (["record", "printer", "-fire"], Listing("record", "printer -fire")),
        (["record", "-word"], Listing("record", "-word")),
        (["record", "--limit", "5", "x", "--after", "9"], Listing("record", "x", 5, "9")),
        (["--limit=0", "record"], Listing("record", "", 0)),
        (["message", "--oldest-first", "--after", "9"], Listing("message", "", 1000, "9", True)),
        (["record", "printer on fire"], Listing("record", '"printer on fire"')),
        (["record", "title:on fire"], Listing("record", 'title:"on fire"')),
        (["record", "-title:on fire"], Listing("record", '-title:"on fire"')),
        (["record", 'title:"on fire"'], Listing("record", 'title:"on fire"')),
        (["record", "--", "--limit"], Listing("record", "--limit")),
    ],
)
def test_what_is_no_option_is_the_filter(words: list[str], listing: Listing) -> None:
    assert read_listing(words) == listing


@pytest.mark.parametrize("words", [[], ["record", "--limit", "many"], ["record", "--limit"], ["record", "--after"]])
def test_a_list_that_makes_no_sense_is_misuse(words: list[str]) -> None:
    with pytest.raises(Misuse):
        read_listing(words)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("true", True),
        ('"5"', "5"),
        ('["a", "b"]', ["a", "b"]),
        ('{ env = "NAME" }', {"env": "NAME"}),
        ("imap.example.org", "imap.example.org"),
        ("2027-01-31", "2027-01-31"),
        ("", ""),
        ("1\nport = 2", "1\nport = 2"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_a_value_is_toml_and_a_bare_word_a_string(text: str, value: Any) -> None:
    assert toml_value(text) == value


@pytest.mark.parametrize(
    ("kind", "words", "given"),
    [
        (ACCOUNT, ["host=imap.example.org", "port=993"], {"host": "imap.example.org", "port": 993}),
        (ACCOUNT, ["username=12345", "comment=true"], {"username": "12345", "comment": "true"}),
        (ACCOUNT, ['password={ ref = "env:PW" }'], {"password": {"ref": "env:PW"}}),
        (ACCOUNT, ["nonsense=1"], {"nonsense": 1}),
        (FILTER, ['match=[{ header = "Subject", regex = "a=b" }]'], {"match": [{"header": "Subject", "regex": "a=b"}]}),
    ],
)
def test_fields_are_read_by_their_type(kind: Kind, words: list[str], given: dict[str, Any]) -> None:
    assert read_fields(kind, words) == given


@pytest.mark.parametrize("words", [["host"], ["=x"], ["host=a", "host=b"]])
def test_what_is_no_assignment_is_misuse(words: list[str]) -> None:
    with pytest.raises(Misuse):
        read_assignments(words)


def test_a_password_is_no_argument() -> None:
    with pytest.raises(Misuse, match="--password-stdin"):
        read_fields(ACCOUNT, ["password=hunter2"])


NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("10m", NOW + timedelta(minutes=10)),
        ("1h30m", NOW + timedelta(minutes=90)),
        ("2026-11-21T08:00+01:00", datetime(2026, 11, 21, 7, 0, tzinfo=UTC)),
        ("2026-11-21T08:00Z", datetime(2026, 11, 21, 8, 0, tzinfo=UTC)),
    ],
)
def test_a_moment_is_from_now_or_a_time(text: str, moment: datetime) -> None:
    assert read_moment("--at", text, NOW) == moment


@pytest.mark.parametrize("text", ["", "soon", "10", "10 m", "999999w999999w", "2026-13-01"])
def test_what_is_no_moment_is_named(text: str) -> None:
    with pytest.raises(BadInput, match="--at"):
        read_moment("--at", text, NOW)


@pytest.mark.parametrize(
    ("widths", "line", "least", "expected"),
    [
        ([5, 5], 80, [4, 4], [5, 5]),
        ([5, 50], 40, [4, 4], [5, 33]),  # 40 - 5 - 2 between them
        ([30, 30], 42, [4, 4], [20, 20]),
        ([30, 30], 0, [4, 4], [30, 30]),  # into a pipe: whole
        ([30, 30], 10, [6, 6], [10, 0]),  # neither is cut below what says something: the last one goes
    ],
)
def test_the_widest_columns_give_way(widths: list[int], line: int, least: list[int], expected: list[int]) -> None:
    assert fitted(widths, line, least) == expected


def test_where_every_value_is_a_text_quotes_are_those_of_toml() -> None:
    words = ['state="pending reminder"', "priority=3 normal", "title=7", "owner=", "pending_until=2030-01-31"]
    assert read_texts(words) == {
        "state": "pending reminder", "priority": "3 normal", "title": "7", "owner": "", "pending_until": "2030-01-31",
    }  # fmt: skip
