"""How a secret may be given: as it is, or by the place that it is read from or stays in."""

from pathlib import Path

import pytest

from core.secret import Secret
from core.services.sealing import read_secret
from core.vault.ref import Ref


def test_a_secret_is_given_as_it_is_or_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIVEN_SECRET", "from the environment")
    place = tmp_path / "secret"
    place.write_text("from a file\n")
    place.chmod(0o600)

    assert read_secret(None) is None
    assert read_secret("plain") == read_secret(Secret("plain")) == Secret("plain")
    assert read_secret({"env": "GIVEN_SECRET"}) == Secret("from the environment")
    assert read_secret({"file": str(place)}) == Secret("from a file")
    assert read_secret({"ref": f"file:{place}"}) == Ref(f"file:{place}"), (
        "it stays there, and is read when it is needed"
    )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "is .*env.*file.*ref"),
        (5, "is .*env.*file.*ref"),
        (["plain"], "is .*env.*file.*ref"),
        ({"env": 5}, "is .*env.*file.*ref"),
        ({"url": "https://x.example"}, "is .*env.*file.*ref"),
        ({"env": "A", "file": "/b"}, "is .*env.*file.*ref"),
        ({"ref": "vault:x"}, 'a reference is "env:NAME" or "file:/PATH"'),
        ({"env": "NO_SUCH_VARIABLE_IS_SET"}, "NO_SUCH_VARIABLE_IS_SET"),
        ({"file": "/no/such/secret"}, "/no/such/secret"),
    ],
)
def test_what_is_no_secret_is_refused_with_a_sentence(given: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_secret(given)
