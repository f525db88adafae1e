"""A package that brings a record type: installed as anybody would, and used."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.handles import Handles
from core.inbound import record_types
from core.inbound.explain import explain
from core.services.actor import Actor
from core.services.configuration.config_text import import_text
from core.services.what_if.explaining import account_named
from tests.accounts import message

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "postroom-invoice"

ACCOUNT = """
[[account]]
name = "billing"
type = "IMAPS"
host = "imap.example.org"
username = "billing@example.org"
record_type = "Invoice Query"
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example in it, as pip installs it; nothing is fetched."""
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "example")
    target = tmp_path_factory.mktemp("site")
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--target", str(target)]
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", "PIP_CONFIG_FILE": os.devnull}
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(source)],
        check=True,
        timeout=120,
        env={**os.environ, **quiet},
    )
    return target


@pytest.fixture
def _installed(target: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(target))
    record_types.forget()
    yield
    record_types.forget()
    sys.modules.pop("postroom_invoice", None)


@pytest.mark.usefixtures("_installed")
def test_an_installed_type_is_offered_with_its_hook_and_fields() -> None:
    assert "Invoice Query" in record_types.names()
    assert "Invoice#" in record_types.hooks()
    assert {"InvoiceNumber", "Amount", "DueDate"} < set(record_types.field_names())


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("subject", "body", "number"),
    [
        ("Wrong sum", "Invoice: INV-20001\r\nAmount: 12,50 EUR\r\nPayable by: 1 April 2026", "INV-20001"),
        ("About inv-20002", "Amount: 12,50 EUR\r\nDue date: 2026-04-01", "INV-20002"),
    ],
)
def test_an_account_makes_records_of_the_installed_type(
    handles: Handles, admin: Actor, subject: str, body: str, number: str
) -> None:
    import_text(handles, admin, ACCOUNT, "billing.toml")
    found = explain(handles, message("1", f"Subject: {subject}", body=body), account_named(handles, "billing"))
    assert (found.state, found.record_type) == ("recorded", "Invoice Query")
    fields = {"InvoiceNumber": number, "Amount": "12,50 EUR", "DueDate": "2026-04-01"}
    assert fields.items() <= dict(found.values).items()


def test_without_the_package_no_account_can_ask_for_it(handles: Handles, admin: Actor) -> None:
    with pytest.raises(Exception, match="there is no record type 'Invoice Query'"):
        import_text(handles, admin, ACCOUNT, "billing.toml")
