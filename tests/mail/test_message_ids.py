import pytest

from core.mail.message_ids import new_message_id, read_message_ids


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<a@example.org>", ("<a@example.org>",)),
        ("<a@x> <b@x>\t<a@x>", ("<a@x>", "<b@x>")),
        ("<a@x><b@x>", ("<a@x>", "<b@x>")),
        ("<[1234@example.org]@mail.example.org>", ("<[1234@example.org]@mail.example.org>",)),
        ("<123 456@x>", ("<123456@x>",)),
        ("<no-at-sign>", ("<no-at-sign>",)),
        ("<<c@x>>", ("<c@x>",)),
        ("a@example.org", ("<a@example.org>",)),
        ("without-anything", ("<without-anything>",)),
        ("<a@example.org", ("<a@example.org>",)),
        ("a@x b@x", ("<a@x>", "<b@x>")),
        ("Your message of Monday <d@x>", ("<d@x>",)),
        ("Your message of Monday", ()),
        ("<>", ()),
        ("", ()),
        (None, ()),
        ("<" + "a" * 2000 + "@x> <b@x>", ("<b@x>",)),
    ],
)
def test_message_ids_are_read_well_formed_or_not(value: str | None, ids: tuple[str, ...]) -> None:
    assert read_message_ids(value) == ids


def test_a_new_message_id_is_like_no_other_and_reads_back() -> None:
    first, second = new_message_id("example.org"), new_message_id("example.org")
    assert first != second
    assert first.endswith("@example.org>")
    assert read_message_ids(first) == (first,)
    assert new_message_id("müller.example").endswith("@xn--mller-kva.example>")


@pytest.mark.parametrize("domain", ["", "a b", "x>\r\nBcc: a@b"])
def test_a_message_id_is_made_for_a_domain_alone(domain: str) -> None:
    with pytest.raises(ValueError, match="domain"):
        new_message_id(domain)
