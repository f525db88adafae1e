"""What the console decides without a screen: widths, windows, signs, sentences, form values."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest

from core import clock
from core.errors import Misuse
from core.filtering import read_filter
from core.models import MessageState, OutgoingState
from core.resources.account import ACCOUNT
from core.resources.catalogue import KINDS
from core.resources.incoming import MESSAGE
from core.resources.kind import Field, FieldType, Kind
from core.resources.mailbox import MAILBOX
from core.resources.outbox import OUTBOX
from core.resources.profile import PROFILE
from core.resources.routing import FILTER
from core.resources.system import ALERT
from tui.console.cells import cell, local_moment, moment, span, zone
from tui.console.columns import STANDARD, Columns, fitted
from tui.console.dialogs.choose import Choice, ranked
from tui.console.form_values import defaults, given_of, given_values, typed_of
from tui.console.glyphs import bar, chart, folded
from tui.console.log_lines import matches
from tui.console.places import PLACES, place_named
from tui.console.run_rows import COLUMNS, run_row
from tui.console.sections import moment_of
from tui.console.terminal.check import check_terminal
from tui.console.troubles import trouble
from tui.console.window import MOST, Window
from tui.sizes import size
from tui.untried import value_in

NOW = clock.utcnow()


@pytest.mark.parametrize(
    ("widths", "least", "available", "expected"),
    [
        ([10, 10], [5, 5], 21, [10, 10]),
        ([10, 10], [5, 5], 31, [15, 15]),  # ten to spare, by their share
        ([10, 10], [5, 5], 15, [7, 7]),  # six too many
        ([10, 10], [5, 5], 8, [8, 0]),  # the second one does not fit even at its least
        ([40, 20, 20], [9, 9, 9], 79, [52, 26, 0]),  # the third one would squeeze the others: 81 with its gaps
        ([40, 20, 20], [9, 9, 9], 82, [40, 20, 20]),
    ],
)
def test_columns_fill_what_is_available(
    widths: list[int], least: list[int], available: int, expected: list[int]
) -> None:
    assert fitted(widths, least, [True] * len(widths), available) == expected


LAST_AT_80 = {"account": "signin", "mailbox": "last_sent_at", "outbox": "attempts", "record": "state"}
"""The last column that fits 80, of the kinds that have more to show on wider terminals."""


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.listed], ids=lambda kind: kind.name)
def test_every_kind_fits_80_columns(kind: object) -> None:
    columns = kind.listed  # type: ignore[attr-defined]
    widths = [column.width for column in columns]
    fit = fitted(widths, [max(4, width // 2) for width in widths], [True] * len(widths), STANDARD)
    shown = [column.name for column, width in zip(columns, fit, strict=True) if width]
    assert shown[-1] == LAST_AT_80.get(kind.name, columns[-1].name), "the others are for wider terminals"  # type: ignore[attr-defined]
    assert all(given >= width for given, width in zip(fit, widths, strict=True) if given), "and squeeze nothing"


def test_a_window_holds_only_so_many_rows_whichever_way_it_grows() -> None:
    rows = tuple({"id": number} for number in range(MOST))
    below = Window(rows).extended(({"id": MOST},), has_more=False)
    assert (len(below.rows), below.has_before, below.has_after) == (MOST, True, False)
    above = Window(rows).preceded(({"id": -1},), has_more=True)
    assert (len(above.rows), above.has_before, above.has_after) == (MOST, True, True)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"validity": "invalid"}, "v makes it valid"),
        ({"validity": "valid", "status": "failing", "failures": 3, "last_error": "login refused"}, "failed 3 times: login refused."),
        ({"validity": "valid", "status": "paused"}, "p resumes it"),
        ({"validity": "valid", "status": "ok"}, "t tests it, f fetches it now"),
        ({"validity": "valid", "status": "ok", "last_run_at": NOW, "due_at": NOW + timedelta(seconds=481)}, "Next in 8 min"),
    ],
)  # fmt: skip
def test_an_account_says_what_to_press(row: dict[str, object], said: str) -> None:
    assert said in trouble(ACCOUNT, {"name": "support", **row}, NOW).text


def test_an_uncertain_message_says_that_it_may_have_arrived() -> None:
    assert "may have taken it" in trouble(OUTBOX, {"state": "uncertain", "subject": "Hi"}, NOW).text
    # What is over is not tried again; what is held waits for one key, whatever it is held for.
    assert trouble(OUTBOX, {"state": "failed", "subject": "Hi"}, NOW).text == "Hi: not sent. enter shows it."
    held = {"state": "held", "subject": "Hi", "last_error": "There is no mailbox 'x'."}
    assert trouble(OUTBOX, held, NOW).text == "Hi: held. There is no mailbox 'x'. l releases it."


def test_a_deferred_message_names_the_mailbox_that_could_not_send_it_once() -> None:
    row = {"state": "deferred", "subject": "Hi", "mailbox": "out", "last_error": "The server refused the login"}
    assert trouble(OUTBOX, row, NOW).text == "Hi, by out: the server refused the login. r tries it now."
    several = {**row, "last_error": "out cools down until 12:00:00 UTC; in has used up its rate"}
    assert trouble(OUTBOX, several, NOW).text.startswith("Hi: out cools down until 12:00:00 UTC; in ")
    assert trouble(OUTBOX, {**row, "last_error": ""}, NOW).text == "Hi: refused for now. r tries it now."


@pytest.mark.parametrize(
    ("failures", "away", "said"),
    [
        (1, 0.2, "out cools down, for 1 s more, after it failed once:"),
        (2, 90, "for 1 min more, after it failed twice:"),
    ],
)
def test_a_mailbox_that_cools_down_says_for_how_long_and_why(failures: int, away: float, said: str) -> None:
    cooling = {"cooling_until": NOW + timedelta(seconds=away), "failures": failures, "last_error": "The relay is full."}
    told = trouble(MAILBOX, {"name": "out", "active": True, **cooling}, NOW).text
    assert said in told
    assert told.endswith("the relay is full. t tests it, e edits it.")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-5, "now"), (30, "30 s"), (481, "8 min"), (7300, "2 h"), (200_000, "2 d")]
)
def test_a_span_takes_five_cells(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


@pytest.mark.parametrize(("amount", "shown"), [(0, "0 B"), (999, "999 B"), (3_100_000, "3.1 MB"), (250_000, "250 kB")])
def test_sizes_are_short(amount: int, shown: str) -> None:
    assert size(amount) == shown


def test_a_time_shows_as_much_as_its_column_holds() -> None:
    assert moment(NOW + timedelta(seconds=65), NOW, 6) == "1 min"
    assert len(moment(NOW, NOW, 9)) == 8
    assert moment(None, NOW, 9) == ""


@pytest.mark.parametrize(
    ("days", "width", "shown"),
    [(-200, 8, "04 May"), (-700, 8, "Dec 2024"), (500, 8, "Apr 2028"), (-200, 14, "05-04 12:00:00"), (-700, 14, "2024-12-20")],
)  # fmt: skip
def test_a_time_of_another_year_says_so(days: int, width: int, shown: str) -> None:
    noon = datetime(2026, 11, 20, 12)  # noqa: DTZ001 - by the clock on the wall, set forward in summer or not
    assert moment((noon + timedelta(days=days)).astimezone(), noon.astimezone(), width) == shown


def test_bars_keep_the_sum_and_never_hide_a_value() -> None:
    values = [0] * 287 + [1]
    assert sum(folded([*values[:-1], 1000], 72)) == 1000
    assert chart([1, *([0] * 10), 100_000], 80, 1)[0][0] != "▁"


def test_what_is_to_be_sent_later_waits_for_its_time_and_not_for_a_worker() -> None:
    row = {"state": "queued", "subject": "News", "next_attempt_at": NOW + timedelta(hours=3)}
    assert trouble(OUTBOX, row, NOW).text == "News: waits for its time. Next in 3 h. r sends it now."
    due = {**row, "next_attempt_at": NOW - timedelta(seconds=1)}
    assert trouble(OUTBOX, due, NOW).text == "News: waits for a worker. Due now. f sends it now."


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (90, "ends on 2027-02-18."),
        (12, "ends in 12 d, on 2026-12-02. Make a new one"),
        (-1, "ended on 2026-11-19. Make"),
    ],
)
def test_a_profile_says_when_its_secret_ends(days: int, said: str) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    row = {
        "name": "office",
        "provider": "office365",
        "method": "client_secret",
        "secret_expires": now + timedelta(days),
    }
    assert said in trouble(PROFILE, row, now).text
    assert "secret" not in trouble(PROFILE, {**row, "method": "device_code"}, now).text


@pytest.mark.parametrize(
    ("done", "whole", "shown"), [(0, 0, "░░░░"), (1, 2, "██░░"), (5, 2, "████"), (-1, 2, "░░░░")]
)  # fmt: skip
def test_a_bar_never_leaves_its_place(done: int, whole: int, shown: str) -> None:
    assert bar(done, whole, 4) == shown


def test_a_run_shows_how_far_it_is() -> None:
    run = {
        "id": 1, "account_id": 1, "account": "a", "host": "h", "state": "running", "step": "fetch", "expected": 200, "fetched": 50,
        "too_large": 0, "started_at": NOW - timedelta(seconds=2), "ended_at": None, "error": "",
    }  # fmt: skip
    row = run_row(run, NOW)
    assert row["progress"] == "██░░░░░░░░  25 %"
    assert row["rate"].strip() == "25/s"
    assert row["elapsed"] == "00:02.0"
    columns = Columns(COLUMNS)
    columns.fit(STANDARD - 2)  # beside a scrollbar, as where many are fetched
    assert "25 %" in "".join(text for text, _ in columns.filled(columns.cells(row)))
    nothing = {**run, "expected": 0, "fetched": 0, "ended_at": NOW}
    assert run_row({**nothing, "state": "ok"}, NOW)["progress"] == "██████████ 100 %"
    assert run_row({**nothing, "state": "failed"}, NOW)["progress"] == "░░░░░░░░░░   0 %"


@pytest.mark.parametrize(
    ("filter_text", "is_found"),
    [("", True), ("SUPP", True), ("account:supp", True), ("account:sales", False), ("-login", False), ("uid:4", False)],
)
def test_lines_in_memory_match_as_rows_do(filter_text: str, is_found: bool) -> None:
    assert matches(read_filter(filter_text), {"account": "support", "text": "login as ann"}) is is_found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.fields], ids=lambda kind: kind.name)
def test_an_empty_form_gives_back_its_defaults(kind: object) -> None:
    typed = defaults(kind)  # type: ignore[arg-type]
    given = given_values(kind, typed)  # type: ignore[arg-type]
    assert not any(field.is_secret and field.name in given for field in kind.fields)  # type: ignore[attr-defined]
    assert typed.keys() == {field.name for field in kind.fields}  # type: ignore[attr-defined]


def test_conditions_and_values_survive_the_form() -> None:
    match, sets = FILTER.field("match"), FILTER.field("set")
    assert match is not None
    assert sets is not None
    conditions = [
        {"header": "Subject", "regex": "a: b", "negate": False},
        {"header": "X-Spam-Flag", "regex": "^yes$", "negate": True},
    ]
    assert given_of(match, typed_of(match, conditions)) == conditions
    values = {"X-OTOBO-Queue": "Support: 1", "X-OTOBO-State": "new"}
    assert given_of(sets, typed_of(sets, values)) == values


def test_a_secret_is_never_typed_back() -> None:
    assert typed_of(Field("password", FieldType.SECRET, "Password"), "set") == ""


def test_what_is_hidden_has_its_default() -> None:
    typed = {**defaults(ACCOUNT), "dispatching": "to", "queue": "Junk", "after_fetch": "keep", "move_to": "Done"}
    given = given_values(ACCOUNT, typed)
    assert (given["queue"], given["move_to"]) == ("", "")


def test_choices_that_begin_so_come_first() -> None:
    choices = [Choice("a", "Live fetch"), Choice("b", "Filters"), Choice("c", "Profiles")]
    assert [one.label for one in ranked(choices, "fil")] == ["Filters", "Profiles"]


def test_places_go_by_screen_kind_or_title() -> None:
    assert place_named("mailbox") is place_named("Mailboxes") is place_named("mailboxes")
    assert len({place.name for place in PLACES}) == len(PLACES)
    with pytest.raises(Misuse, match="The screens are: overview"):
        place_named("kitchen")


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_without_a_terminal_it_is_refused(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stdout", Terminal())
    with pytest.raises(Misuse, match="TERM"):
        check_terminal({"TERM": term})
    check_terminal({"TERM": "xterm-256color"})


def test_a_pipe_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        def isatty(self) -> bool:
            return False

    monkeypatch.setattr("sys.stdout", Pipe())
    with pytest.raises(Misuse, match="needs a terminal"):
        check_terminal({"TERM": "xterm"})


@pytest.mark.parametrize(
    ("new", "untried"),
    [({"last_run_at": None}, "never fetched"), ({"last_sent_at": None, "tested_at": None}, "never used")],
)
def test_what_was_never_at_work_is_not_called_well(new: dict[str, object], untried: str) -> None:
    ok = {"status": "ok", **new}
    assert value_in(ok, "status") == untried
    for at_work in new:
        assert value_in({**ok, at_work: NOW}, "status") == "ok"
    assert value_in({**ok, "status": "inactive"}, "status") == "inactive"
    assert value_in({"status": "ok"}, "status") == "ok", "other kinds have no such time"


def test_times_of_pages_are_local_and_nothing_else_is_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert moment_of("2019-03-01T21:30:00.114Z") == "2019-03-02 03:00:00"
        assert local_moment(datetime(2019, 3, 1, 21, 30, tzinfo=UTC)) == "2019-03-02 03:00:00"
        assert zone() == "IST"
        assert [moment_of(text) for text in ("20190301", "2019-03-01", "12")] == ["20190301", "2019-03-01", "12"]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_long_subject_leaves_the_list_its_place() -> None:
    row = {"subject": "W" * 300, "state": "recorded", "record": "2026"}
    said = trouble(MESSAGE, row, NOW).text
    assert said == f"{'W' * 119}…: recorded in record 2026. enter opens it."


def test_an_alert_that_is_over_is_told_as_such() -> None:
    open_one = {"text": "No worker is alive."}
    assert trouble(ALERT, open_one, NOW).text == "No worker is alive."
    assert trouble(ALERT, {**open_one, "closed_at": NOW}, NOW).text == "It is over: No worker is alive."


@pytest.mark.parametrize(
    ("kind", "states"), [(OUTBOX, OutgoingState), (MESSAGE, MessageState)], ids=["outbox", "message"]
)
def test_every_state_can_be_read_in_its_column(kind: Kind, states: type[StrEnum]) -> None:
    column = next(one for one in kind.columns if one.name == "state")
    assert {state.value for state in states if len(cell(column, state.value).text) > column.width} == set()
