from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UnsafeMessage
from core.mail.header_block import HeaderBlock, encode_text
from core.mail.headers import read_header_block
from core.outbound.decisions.compose import (
    Composed,
    Envelope,
    Identity,
    compose,
    from_address,
    prefixed,
    with_script_applied,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLAIN = b"From: Alice <alice@example.org>\r\nTo: bob@example.com\r\nSubject: Hello\r\n\r\nBody\r\n"


def composed(
    raw: bytes = PLAIN,
    *,
    to: tuple[str, ...] = ("bob@example.com",),
    sender: str | None = None,
    replace_from: bool = False,
    **identity: object,
) -> Composed:
    return compose(
        raw,
        Identity("main", **identity),
        Envelope(sender, to),
        message_id="<new@host>",
        dated=NOW,
        host_mark="host-1",
        replace_from=replace_from,
    )


def fields(raw: bytes) -> dict[str, list[str]]:
    message = message_from_bytes(raw, policy=compat32)
    return {name.lower(): [str(v) for v in message.get_all(name)] for name in message}


def subject(raw: bytes) -> str:
    unfolded = fields(raw)["subject"][0].replace("\r\n", "")
    return str(make_header(decode_header(unfolded)))


def test_what_is_not_touched_stays_byte_for_byte() -> None:
    odd = b"X-Odd :  a\t b\r\n\t folded =?bogus?=\r\nx-CASE: \xff\xfe\r\n"
    raw = composed(odd + PLAIN).raw
    assert raw.startswith(odd + PLAIN.partition(b"\r\n\r\n")[0] + b"\r\n")
    assert raw.endswith(b"\r\n\r\nBody\r\n")


def test_missing_date_and_message_id_are_added_and_ours_is_marked() -> None:
    found = fields(composed().raw)
    assert found["date"] == ["Sun, 01 Mar 2026 12:00:00 +0000"]
    assert found["message-id"] == ["<new@host>"]
    assert found["x-postroom-loop"] == ["host-1"]


def test_date_and_message_id_that_are_there_stay() -> None:
    found = fields(composed(b"Date: yesterday\r\nMessage-ID: <old@x>\r\n" + PLAIN).raw)
    assert (found["date"], found["message-id"]) == (["yesterday"], ["<old@x>"])


def test_our_mark_is_there_once_and_others_stay() -> None:
    raw = composed(b"X-Postroom-Loop: host-1\r\nX-Postroom-Loop: other\r\n" + PLAIN).raw
    assert fields(raw)["x-postroom-loop"] == ["other", "host-1"]


@pytest.mark.parametrize("mark", ["", "a b", "a\r\nBcc: v@x", "é", "x" * 300])
def test_a_mark_that_is_no_token_is_refused(mark: str) -> None:
    with pytest.raises(UnsafeMessage):
        compose(PLAIN, Identity(), Envelope("", ()), message_id="<a@b>", dated=NOW, host_mark=mark)


@pytest.mark.parametrize("bcc", [b"Bcc: a@x\r\n", b"BCC : a@x,\r\n b@x\r\n", b"Resent-Bcc: a@x\r\nbcc: b@x\r\n"])
def test_no_bcc_header_leaves(bcc: bytes) -> None:
    raw = composed(bcc + PLAIN).raw
    assert b"bcc" not in raw.lower()
    assert b"@x" not in raw


def test_a_bcc_behind_a_broken_header_line_does_not_leave_as_body() -> None:
    with pytest.raises(UnsafeMessage):
        composed(b"Subject: x\r\nno field\r\nBcc: a@x\r\n\r\nBody\r\n")


def test_the_mailbox_bcc_goes_into_the_envelope_alone() -> None:
    done = composed(to=("bob@example.com", "Copy@example.org"), bcc=("copy@example.org", "log@example.org"))
    assert done.envelope.recipients == ("bob@example.com", "Copy@example.org")
    assert done.bcc == ("log@example.org",)
    assert b"log@" not in done.raw


@pytest.mark.parametrize(
    ("given_sender", "identity", "expected"),
    [
        ("app@example.org", {"default_sender": "desk@example.org"}, "app@example.org"),
        (None, {"default_sender": "Desk <desk@example.org>"}, "desk@example.org"),
        (None, {}, "alice@example.org"),
        ("", {"default_sender": "desk@example.org", "return_path": "back@example.org"}, ""),
        (None, {"return_path": "back+{token}@example.org"}, "back+@example.org"),
    ],
)
def test_envelope_sender(given_sender: str | None, identity: dict[str, str], expected: str) -> None:
    assert composed(sender=given_sender, **identity).envelope.sender == expected


@pytest.mark.parametrize("raw", [b"To: b@x\r\n\r\nBody\r\n", b"From: \r\nTo: b@x\r\n\r\nBody\r\n"])
def test_default_sender_fills_a_missing_from(raw: bytes) -> None:
    assert fields(composed(raw, default_sender='Die "Büros" <desk@example.org>').raw)["from"][0].endswith(
        "<desk@example.org>"
    )


@pytest.mark.parametrize(
    ("sender", "header_from", "envelope"),
    [
        (None, "postroom@host-1", "postroom@host-1"),
        ("", "mailer-daemon@host-1", ""),
        ("a@example.org", "a@example.org", "a@example.org"),
    ],
)
def test_a_message_never_leaves_without_from(sender: str | None, header_from: str, envelope: str) -> None:
    for raw in (b"Subject: x\r\n\r\n", b"From:\r\nSubject: x\r\n\r\n"):
        one = composed(raw, sender=sender)
        assert (fields(one.raw)["from"], one.envelope.sender) == ([header_from], envelope)
        assert bool(one.warnings) == (sender != "a@example.org")


def test_a_script_takes_out_nothing_that_must_be_there() -> None:
    before = composed()
    left = with_script_applied(before, b"From: \nX-New: 1\n\nBody\n", host_mark="host-1")
    kept, found = fields(before.raw), fields(left.raw)
    assert all(found[name] == kept[name] for name in ("from", "date", "message-id"))
    assert found["x-new"] == ["1"]


def test_force_from_replaces_from_and_the_old_one_becomes_reply_to() -> None:
    found = fields(composed(default_sender="desk@example.org", force_from=True).raw)
    assert (found["from"], found["reply-to"]) == (["desk@example.org"], ["Alice <alice@example.org>"])


def test_no_return_path_leaves_and_no_sender_beside_a_from_that_was_replaced() -> None:
    raw = b"Return-Path: <old@example.net>\r\nSender: boss@example.net\r\n" + PLAIN
    assert "return-path" not in fields(composed(raw).raw)
    assert fields(composed(raw).raw)["sender"] == ["boss@example.net"]
    assert "sender" not in fields(composed(raw, default_sender="desk@example.org", force_from=True).raw)


def test_force_from_keeps_a_reply_to_and_a_from_that_is_right_already() -> None:
    raw = b"Reply-To: r@example.org\r\n" + PLAIN
    assert fields(composed(raw, default_sender="desk@example.org", force_from=True).raw)["reply-to"] == [
        "r@example.org"
    ]
    found = fields(composed(default_sender="ALICE@example.org", force_from=True).raw)
    assert found["from"] == ["Alice <alice@example.org>"]
    assert "reply-to" not in found


def test_force_from_leaves_one_from() -> None:
    found = fields(
        composed(b"From: second@example.org\r\n" + PLAIN, default_sender="d@example.org", force_from=True).raw
    )
    assert found["from"] == ["d@example.org"]


def test_from_is_replaced_with_a_warning_when_no_mailbox_is_for_it() -> None:
    done = composed(default_sender="desk@example.org", replace_from=True)
    assert fields(done.raw)["from"] == ["desk@example.org"]
    assert "alice@example.org was replaced by desk@example.org" in done.warnings[0]
    assert composed(replace_from=True).warnings == ("From was not replaced: mailbox main has no default sender.",)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Hello", "[Acme] Hello"),
        ("Re: Hello", "Re: [Acme] Hello"),
        ("RE: AW: Fwd: Hello", "RE: AW: Fwd: [Acme] Hello"),
        ("Re[2]:Hello", "Re[2]: [Acme] Hello"),
        ("[Acme] Hello", "[Acme] Hello"),
        ("Re: [Acme] Hello", "Re: [Acme] Hello"),
        ("[Acme] Re: Hello", "[Acme] Re: Hello"),
        ("Regarding: Hello", "[Acme] Regarding: Hello"),
        ("Hello [Acme]", "[Acme] Hello [Acme]"),
        ("Re:", "Re: [Acme]"),
        ("", "[Acme]"),
    ],
)
def test_prefix_stands_after_the_answers_once(before: str, after: str) -> None:
    assert prefixed(before, "[Acme]") == after
    assert prefixed(after, "[Acme] ") == after
    assert prefixed(before, "  ") == before


def test_prefix_is_put_before_the_decoded_subject() -> None:
    raw = PLAIN.replace(b"Subject: Hello", b"Subject: Re: =?iso-8859-1?q?Gr=FC=DFe?=\r\n =?utf-8?b?4oKs?=")
    assert subject(composed(raw, subject_prefix="[Büro]").raw) == "Re: [Büro] Grüße€"


def test_prefix_makes_a_subject_where_there_is_none() -> None:
    assert fields(composed(b"To: b@x\r\n\r\nHi\r\n", subject_prefix="[A]").raw)["subject"] == ["[A]"]


@pytest.mark.parametrize("field", ["Subject", "From", "Reply-To"])
def test_a_line_break_in_an_encoded_word_makes_no_header(field: str) -> None:
    payload = b"=?utf-8?q?Hi=0D=0ABcc:_v@x?= <m@example.org>"
    raw = b"To: b@example.com\r\n" + field.encode() + b": " + payload + b"\r\n\r\nBody\r\n"
    done = composed(raw, sender="a@example.org", subject_prefix="[P]", default_sender="d@example.org", force_from=True)
    assert not {"bcc", "hi"} & set(fields(done.raw))
    assert read_header_block(done.raw).get("bcc") is None


@pytest.mark.parametrize(
    "address",
    [
        "a@b\r\nRCPT TO:<v@x>",
        "a b@example.org",
        "<a@example.org>",
        "",
        "a@example.org)b@c",
        "a\0@example.org",
        "nobody",
    ],
)
def test_an_unsafe_recipient_or_bcc_is_refused(address: str) -> None:
    with pytest.raises(UnsafeMessage):
        composed(to=(address,))
    with pytest.raises(UnsafeMessage):
        composed(bcc=(address,))


@pytest.mark.parametrize(
    "identity", [{"default_sender": "a@b\r\nBcc: v@x", "force_from": True}, {"return_path": "a b@x"}]
)
def test_an_unsafe_sender_is_refused(identity: dict[str, object]) -> None:
    with pytest.raises(UnsafeMessage):
        composed(**identity)


def test_nul_in_a_header_is_refused() -> None:
    with pytest.raises(UnsafeMessage):
        composed(b"X-Nul: a\0b\r\n" + PLAIN)


def test_a_value_that_would_make_a_field_of_its_own_is_refused() -> None:
    block = HeaderBlock.cut(PLAIN)
    block.add(b"X-Evil", b"a\r\nBcc: v@example.org")
    with pytest.raises(UnsafeMessage, match="bcc"):
        block.assemble()
    block = HeaderBlock.cut(PLAIN)
    block.add(b"X-Evil", b"a\r\n\r\nBody of mine")
    with pytest.raises(UnsafeMessage):
        block.assemble()
    block = HeaderBlock.cut(PLAIN)
    block.add(b"X-Evil", b"a\nb")
    with pytest.raises(UnsafeMessage, match="bare"):
        block.assemble()


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r\r\n", b"\r"])
def test_what_leaves_has_no_bare_cr_or_lf(end: bytes) -> None:
    raw = composed(PLAIN + b"x" + end + b"MAIL FROM:<v@x>").raw
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"just text\r\n", b"just text\r\n"),
        (b"\r\nbody\r\n", b"body\r\n"),
        (b"Subject: x\r\nno field here\r\n\r\nmore\r\n", b"no field here\r\n\r\nmore\r\n"),
        (b"From alice Sat Jan 1\r\nSubject: x\r\n\r\nb\r\n", b"b\r\n"),
        (b"Subject: x\r\n", b""),
        (b" starts blank\r\n\r\nb\r\n", b" starts blank\r\n\r\nb\r\n"),
        (b"", b"\r\n"),
    ],
)
def test_a_message_without_a_proper_header_gets_one(raw: bytes, body: bytes) -> None:
    done = composed(raw, sender="a@example.org")
    assert done.raw.partition(b"\r\n\r\n")[2] in (body, body.lstrip(b"\r\n"))
    assert "message-id" in fields(done.raw)


@pytest.mark.parametrize(
    ("raw", "sender", "expected"),
    [("Al <al@x.org>, b@y", "e@z", "al@x.org"), (None, "e@z", "e@z"), (None, None, ""), ("", "e@z", "e@z")],
)
def test_from_address_is_the_first_of_from(raw: str | None, sender: str | None, expected: str) -> None:
    assert from_address(raw, sender) == expected


@given(st.text(max_size=300))
def test_any_text_survives_encoding_and_folding(text: str) -> None:
    value = encode_text(text, 9)
    raw = b"Subject: " + value + b"\r\n\r\n"
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert len(read_header_block(raw)) == 1
    from core.text import clean

    assert read_header_block(raw).get("subject") == clean(text).strip()


@given(st.binary(max_size=400))
def test_any_bytes_compose_or_are_refused(raw: bytes) -> None:
    try:
        done = composed(
            raw, sender="a@example.org", subject_prefix="[P]", default_sender="d@example.org", force_from=True
        )
    except UnsafeMessage:
        return
    assert done.raw.count(b"\r") == done.raw.count(b"\n") == done.raw.count(b"\r\n")
    assert fields(done.raw)["subject"]
