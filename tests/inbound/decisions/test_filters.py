from typing import Any

import pytest

from core.errors import BadInput, Problem
from core.inbound.control_headers import NO_CONTROLS, Controls
from core.inbound.decisions.expression import Expression
from core.inbound.decisions.filters import CompiledFilter, FilterVerdict, compile_filter, in_order, run_filters
from core.mail.headers import Headers

MAIL = Headers(
    [
        ("Received", "by one"),
        ("Received", "by two"),
        ("From", '"Smith, Ann" <ann@shop.example>'),
        ("To", "help@example.org, =?utf-8?q?=2C_x?= <sales@example.org>"),
        ("Cc", "<root@host>"),
        ("Subject", "=?utf-8?q?Order_4711_for_B=C3=BCro?="),
        ("X-Spam-Flag", "YES"),
        ("Priority", "urgent"),
    ]
)
FORGED = Headers([("From", "=?utf-8?q?boss=40example=2Eorg=2C?= <eve@x.example>")])
"""Its display name, once decoded, reads like an address before the real one."""


def rule(name: str, *match: dict[str, object], stop: bool = False, **settings: str) -> CompiledFilter:
    values = {f"X-OTOBO-{key.replace('_', '-')}": value for key, value in settings.items()} or {"X-OTOBO-Queue": "Q"}
    return compile_filter(name, stop=stop, match=match, settings=values)


def cond(header: str, expression: str, negate: bool = False) -> dict[str, object]:
    return {"header": header, "regex": expression, "negate": negate}


def run(
    *filters: CompiledFilter, headers: Headers = MAIL, body: str = "", controls: Controls = NO_CONTROLS
) -> FilterVerdict:
    return run_filters(in_order(filters), headers, lambda: body, controls)


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ([cond("Subject", "order")], True),
        ([cond("SUBJECT", "BÜRO")], True),
        ([cond(" Subject ", "order")], True),
        # A header of the mail that is called as a control header is without its prefix.
        ([cond("Priority", "urgent")], True),
        ([cond("Subject", "^order$")], False),
        ([cond("Subject", "order"), cond("X-Spam-Flag", "yes")], True),
        ([cond("Subject", "order"), cond("X-Spam-Flag", "no")], False),
        ([cond("X-Spam-Flag", "yes", negate=True)], False),
        ([cond("X-Absent", ".*")], False),
        ([cond("X-Absent", ".*", negate=True)], True),
        ([cond("Subject", "invoice", negate=True)], True),
        ([cond("X-Absent", ".*", negate=True), cond("Subject", "invoice")], False),
        ([cond("Received", "two")], True),
        ([cond("Received", "three", negate=True)], True),
        ([cond("Body", "unsubscribe")], True),
        ([cond("body", "nothing of the kind")], False),
        ([cond("From", "EMAILADDRESS:ann@shop\\.example")], True),
        ([cond("From", "EMAILADDRESS:shop\\.example")], False),
        ([cond("From", "EMAILADDRESS:.*@SHOP\\.example")], True),
        ([cond("To", "EMAILADDRESS:sales@example.org")], True),
        ([cond("To", "EMAILADDRESS:help@example.org, .*")], False),
        ([cond("X-Absent", "EMAILADDRESS:.*", negate=True)], True),
        # Brackets and quotes around what stands in an address field are no part of it, as little as encoding is.
        ([cond("Cc", "^root@host$")], True),
        ([cond("Cc", "^<root@host>$")], True),
        ([cond("Cc", "^root@", negate=True)], False),
        ([cond("From", "^Smith, Ann <ann@")], True),
        ([cond("From", '^"Smith, Ann" <ann@')], True),
        ([cond("To", "^help@example.org, , x <sales@")], True),
    ],
)
def test_conditions(conditions: list[dict[str, object]], holds: bool) -> None:
    verdict = run(rule("one", *conditions), body="click to UNSUBSCRIBE")
    assert dict(verdict.set) == ({"Queue": "Q"} if holds else {})
    assert [step.rule for step in verdict.steps] == (["one"] if holds else [])


def test_an_address_is_no_part_of_a_display_name() -> None:
    boss = rule("boss", cond("From", r"EMAILADDRESS:boss@example\.org"))
    sender = rule("sender", cond("From", r"EMAILADDRESS:eve@x\.example"))
    assert [step.rule for step in run(boss, sender, headers=FORGED).steps] == ["sender"]


@pytest.mark.parametrize(
    ("conditions", "value", "expected"),
    [
        ([cond("Subject", r"order (\d+)")], "no [***]", "no 4711"),
        ([cond("Subject", r"(order) (\d+)")], "[***]", "4711"),
        ([cond("Subject", r"(order)"), cond("X-Spam-Flag", "(y)")], "[***]/[***]", "Y/Y"),
        ([cond("Subject", r"(\d+)"), cond("X-Spam-Flag", "y")], "[***]", "4711"),
        ([cond("Subject", r"(?P<number>\d+) for (?P<who>\w+)")], r"[**\who**]: [**\number**]", "Büro: 4711"),
        ([cond("Subject", "order")], "x [***] [**\\nobody**] y", "x   y"),
        ([cond("From", r"EMAILADDRESS:(.+)@.*")], "[***]", "ann"),
        ([cond("From", "EMAILADDRESS:.*")], r"[***] [**\email**]", "ann@shop.example ann@shop.example"),
        (
            [cond("Subject", r"order (\d+)"), cond("From", "EMAILADDRESS:ann@.*")],
            r"[***] [**\email**]",
            "4711 ann@shop.example",
        ),
        ([cond("From", "EMAILADDRESS:ann@.*"), cond("Subject", r"order (\d+)")], "[***]", "4711"),
        ([cond("Body", r"code (\S+)")], "[***]", r"[**\who**]"),
        # Of two that exclude each other one captured.
        ([cond("Subject", r"(order)|(invoice)")], "[***]", "Order"),
        ([cond("Subject", r"(?P<a>order)|(?P<b>invoice)")], r"[**\a**]-[**\b**]", "Order-"),
    ],
)
def test_captures(conditions: list[dict[str, object]], value: str, expected: str) -> None:
    verdict = run(rule("one", *conditions, Title=value), body=r"code [**\who**]")
    assert verdict.set["Title"] == expected


@pytest.mark.parametrize("expression", ["order", "order( )"])
def test_an_empty_capture_sets_nothing_and_the_trail_says_so(expression: str) -> None:
    verdict = run(rule("one", cond("Subject", expression), Queue="[***]"))
    assert dict(verdict.set) == {}
    assert [step.why for step in verdict.steps] == ["sets nothing"]


def test_captured_text_is_cleaned_and_bounded() -> None:
    verdict = run(rule("one", cond("Body", r"(?s)(x.*)"), Title="[***]"), body="x\r\n\x1b[31m\0" + "y" * 5000)
    title = verdict.set["Title"]
    assert len(title) == 1000
    assert title.isprintable()


def test_order_is_by_code_point_and_stop_ends() -> None:
    always = cond("Subject", "order")
    filters = [
        rule("é", always, Title="last"),
        rule("b", always, Title="b", stop=True),
        rule("Z", always, Title="Z"),
        rule("10", always, Queue="ten"),
    ]
    verdict = run(*filters)
    assert [step.rule for step in verdict.steps] == ["10", "Z", "b"]
    assert dict(verdict.set) == {"Queue": "ten", "Title": "b"}
    assert [step.why for step in verdict.steps] == [
        "sets Queue = ten", "sets Title = Z", "sets Title = b; no filter after it",
    ]  # fmt: skip


def test_later_filters_see_what_earlier_ones_set() -> None:
    verdict = run(
        rule("1", cond("X-Spam-Flag", "yes"), Queue="Junk"),
        rule("2", cond("X-Postroom-Queue", "junk"), Ignore="yes"),
        rule("3", cond("X-OTOBO-Priority", ".", negate=True), Priority="1 very low"),
    )
    assert dict(verdict.set) == {"Queue": "Junk", "Ignore": "yes", "Priority": "1 very low"}


def test_filters_see_what_a_trusted_message_says() -> None:
    verdict = run(rule("1", cond("X-OTOBO-Queue", "^boss$")), controls=Controls({"Queue": "Boss"}))
    assert verdict.steps


def test_attachments_can_be_matched() -> None:
    counted = run_filters(
        (rule("1", cond("X-OTOBO-AttachmentCount", "^3$")),), MAIL, str, extra={"x-otobo-attachmentcount": lambda: "3"}
    )
    assert counted.steps


def test_the_body_is_read_once_and_only_when_asked() -> None:
    asked: list[int] = []

    def body() -> str:
        asked.append(1)
        return "x" * (2 << 20) + "needle"

    run_filters((rule("1", cond("Subject", "no")),), MAIL, body)
    assert asked == []
    found = run_filters((rule("1", cond("Body", "needle")), rule("2", cond("Body", "xx"))), MAIL, body)
    assert asked == [1]
    assert [step.rule for step in found.steps] == ["2"], "the first megabyte alone is looked at"


@pytest.mark.parametrize("negate", [False, True])
@pytest.mark.parametrize(("header", "expression"), [("Body", "(a+)+$"), ("From", "EMAILADDRESS:(a|aa)+")])
def test_an_expression_that_runs_too_long_is_stopped_and_told(
    header: str, expression: str, negate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.inbound.decisions.expression.SECONDS", 0.1)
    # Not stopped, these would not end.
    slow = rule("slow", cond(header, expression, negate))
    hostile: dict[str, Any] = {
        "headers": Headers([("From", "a" * 200 + "b@x.example"), ("Subject", "order")]), "body": "a" * 50_000 + "b",
    }  # fmt: skip
    alone, followed = run(slow, **hostile), run(slow, rule("then", cond("Subject", "order")), **hostile)
    for verdict, steps in ((alone, []), (followed, ["then"])):
        assert [step.rule for step in verdict.steps] == steps
        assert [complaint.what for complaint in verdict.complaints] == ["filter slow"]


@pytest.mark.parametrize("expression", ["(a+)+$", "EMAILADDRESS:(a|aa)+"])
def test_an_expression_has_its_time_for_all_values_of_a_message_together(
    expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    class Pattern:
        def search(self, value: str, timeout: float) -> None:
            looked_at.append(value)
            clock[0] += 0.1

        fullmatch = search

    clock = [0.0]
    monkeypatch.setattr("core.inbound.decisions.expression.monotonic", lambda: clock[0])
    many = rule("slow", cond("X", expression))
    many.conditions[0].pattern._pattern = Pattern()

    verdict = run(many, headers=Headers([("X", "a@x.example, b@x.example")] * 500))

    assert len(looked_at) == 3
    assert [complaint.what for complaint in verdict.complaints] == ["filter slow"]


@pytest.mark.parametrize(
    "expression",
    [
        "(",
        "[a",
        "*",
        "(?P=m)",
        "(" * 3000 + ")" * 3000,
        "a{1000000000}",
        "((a{1000}){1000}){1000}",
        "x" * 2001,
        "\\L<x>",
        "(" * 900 + ")" * 900,
    ],
)
def test_a_bad_expression_is_refused_with_its_place(expression: str) -> None:
    with pytest.raises(BadInput) as refused:
        rule("010 spam", cond("Subject", "fine"), cond("X-Y", expression))
    assert [problem.where for problem in refused.value.problems] == ["010 spam"]
    assert refused.value.problems[0].field == "match 2"


def test_every_problem_of_a_filter_is_told() -> None:
    with pytest.raises(BadInput) as refused:
        compile_filter(
            "x", stop=False, match=[cond("", ""), cond("A", "(")], settings={"Subject": "a", "X-OTOBO-Foo": "b"}
        )
    assert len(refused.value.problems) == 5


@pytest.mark.parametrize(
    ("match", "settings", "field", "text"),
    [
        ([], {"X-OTOBO-Queue": "a"}, "match", "A filter needs at least one condition."),
        ([cond("A", "b")], {}, "set", "A filter needs at least one value to set."),
        ([cond("A", "b")], {"Queue": "a"}, "set", "Queue is no control header."),
        ([cond(" ", "b")], {"X-OTOBO-Queue": "a"}, "match 1", "A condition needs a header, or Body."),
        ([cond("A", "")], {"X-OTOBO-Queue": "a"}, "match 1", "A condition needs an expression."),
    ],
)
def test_what_a_filter_lacks_is_told_with_its_place(
    match: list[dict[str, object]], settings: dict[str, str], field: str, text: str
) -> None:
    with pytest.raises(BadInput) as refused:
        compile_filter("x", stop=False, match=match, settings=settings)
    assert refused.value.problems == (Problem("x", field, text),)


@pytest.mark.parametrize("expression", ["yes", "^a.b$", r"\d\d-\w", "[abc]x"])
def test_what_cannot_run_long_needs_no_clock(expression: str) -> None:
    assert Expression(expression)._seconds is None


@pytest.mark.parametrize("expression", ["a*", "a+", "a?", "a{3}", "(a|b)", "a|b", r"(a)\1", r"\X"])
def test_what_may_run_long_has_a_limit(expression: str) -> None:
    assert Expression(expression)._seconds
