"""Sealing: what opens, and everything that must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SecretUnreadable
from core.vault.key import Key
from core.vault.seal import key_id_of, place_of, seal, unseal

KEY = Key("0123456789abcdef", b"k" * 32)
OTHER = Key("fedcba9876543210", b"o" * 32)
FORGED = Key(KEY.id, b"f" * 32)
PLACE = place_of("account", 7, "password")


@given(st.binary(max_size=300))
def test_what_was_sealed_opens_as_it_was(content: bytes) -> None:
    assert unseal(KEY, PLACE, seal(KEY, PLACE, content)) == content


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert seal(KEY, PLACE, b"same") != seal(KEY, PLACE, b"same")


def test_the_envelope_names_its_key() -> None:
    assert key_id_of(seal(KEY, PLACE, b"x")) == KEY.id


def test_another_key_is_told_by_its_id() -> None:
    with pytest.raises(SecretUnreadable, match=f"sealed with the key {KEY.id}, but the key here is {OTHER.id}"):
        unseal(OTHER, PLACE, seal(KEY, PLACE, b"x"))


@pytest.mark.parametrize(
    "place",
    [place_of("account", 8, "password"), place_of("mailbox", 7, "password"), place_of("account", 7, "refresh_token")],
)
def test_a_secret_moved_to_another_place_does_not_open(place: str) -> None:
    with pytest.raises(SecretUnreadable, match="changed or moved"):
        unseal(KEY, place, seal(KEY, PLACE, b"x"))


def test_a_key_with_a_forged_id_does_not_open() -> None:
    with pytest.raises(SecretUnreadable, match="changed or moved"):
        unseal(FORGED, PLACE, seal(KEY, PLACE, b"x"))


@given(st.data())
def test_no_changed_bit_goes_unnoticed(data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, PLACE, b"secret"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SecretUnreadable):
        unseal(KEY, PLACE, bytes(sealed))


@given(st.binary(max_size=200))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    with pytest.raises(SecretUnreadable):
        unseal(KEY, PLACE, rubbish)


def test_a_cut_envelope_is_refused() -> None:
    sealed = seal(KEY, PLACE, b"secret")

    for length in range(len(sealed)):
        with pytest.raises(SecretUnreadable):
            unseal(KEY, PLACE, sealed[:length])
