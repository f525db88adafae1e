"""The generated mail is what it says it is."""

import email
from collections import Counter
from email import policy

from tests.corpus.generate import mixed_messages, torture_id

MESSAGES = list(mixed_messages(3000, seed=7))


def test_same_seed_same_bytes() -> None:
    assert list(mixed_messages(50, seed=7)) == MESSAGES[:50]
    assert list(mixed_messages(50, seed=8)) != MESSAGES[:50]


def test_every_line_ends_with_crlf() -> None:
    for raw in MESSAGES:
        assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")


def test_sizes_are_those_of_a_support_mailbox() -> None:
    sizes = [len(raw) for raw in MESSAGES]
    assert 16_000 < sum(sizes) / len(sizes) < 28_000
    assert 500_000 < max(sizes) < 1_500_000


def test_the_mixture_holds_what_was_asked_for() -> None:
    parsed = [email.message_from_bytes(raw, policy=policy.compat32) for raw in MESSAGES]
    kinds = Counter(message.get_content_type() for message in parsed)
    assert set(kinds) == {"text/plain", "multipart/alternative", "multipart/mixed"}
    charsets = {part.get_content_charset() for message in parsed for part in message.walk()} - {None}
    assert charsets == {"utf-8", "iso-8859-1", "windows-1252", "koi8-r", "iso-2022-jp"}
    missing = sum(message["Message-ID"] is None for message in parsed)
    assert 0.03 < missing / len(parsed) < 0.07
    assert any(len(line) > 2048 for raw in MESSAGES for line in raw.split(b"\r\n"))
    assert any(not raw.endswith(b"\r\n") for raw in MESSAGES)


def test_twins_are_few_and_share_all_else_is_distinct() -> None:
    distinct = set(MESSAGES)
    assert 1 <= len(MESSAGES) - len(distinct) <= 20
    assert len({torture_id(raw) for raw in distinct}) == len(distinct)
    ids = Counter(email.message_from_bytes(raw, policy=policy.compat32)["Message-ID"] for raw in distinct)
    assert sum(1 for identity, times in ids.items() if identity and times > 1) >= 5
