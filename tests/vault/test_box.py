"""Sealing without the key: only who has it opens, only for the place it was sealed for."""

import pytest

from core.errors import SecretUnreadable
from core.vault.box import is_box, open_box, public_key_from, public_key_of, seal_for
from core.vault.key import key_from, new_key
from core.vault.seal import key_id_of, seal

KEY = new_key()
PUBLIC = public_key_of(KEY)


def test_who_has_the_key_opens_it() -> None:
    sealed = seal_for(PUBLIC, "account:1:password", b"kanarienvogel")

    assert b"kanarienvogel" not in sealed
    assert (is_box(sealed), key_id_of(sealed)) == (True, KEY.id)
    assert open_box(KEY, "account:1:password", sealed) == b"kanarienvogel"
    assert not is_box(seal(KEY, "account:1:password", b"kanarienvogel"))


def test_the_same_content_is_never_sealed_alike() -> None:
    assert seal_for(PUBLIC, "x", b"same") != seal_for(PUBLIC, "x", b"same")


def test_another_key_opens_nothing() -> None:
    with pytest.raises(SecretUnreadable):
        open_box(new_key(), "x", seal_for(PUBLIC, "x", b"secret"))


def test_moved_changed_or_cut_it_does_not_open() -> None:
    sealed = seal_for(PUBLIC, "account:1:password", b"secret")

    with pytest.raises(SecretUnreadable, match="account:2:password was changed or moved"):
        open_box(KEY, "account:2:password", sealed)
    for place in (1, 9, 20, 45, len(sealed) - 1):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(SecretUnreadable):
            open_box(KEY, "account:1:password", changed)
    for length in (0, 8, 40, len(sealed) - 1):
        with pytest.raises(SecretUnreadable):
            open_box(KEY, "account:1:password", sealed[:length])


def test_a_sender_key_that_gives_nothing_away_is_refused() -> None:
    sealed = seal_for(PUBLIC, "x", b"secret")
    of_small_order = sealed[:9] + bytes(32) + sealed[41:]

    with pytest.raises(SecretUnreadable):
        open_box(KEY, "x", of_small_order)


def test_the_public_half_is_the_same_on_every_machine_and_comes_back_from_its_text() -> None:
    assert public_key_of(key_from(KEY.written, "here")) == PUBLIC
    assert public_key_from(PUBLIC.written) == PUBLIC


@pytest.mark.parametrize("text", ["", "x", "0123456789abcdef:", "zz23456789abcdef:" + "A" * 43 + "=", "1:QUJD", "None"])
def test_what_is_no_public_key_is_none(text: str) -> None:
    assert public_key_from(text) is None
