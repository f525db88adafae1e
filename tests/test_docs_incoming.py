"""What docs/incoming.md shows works as it stands there."""

import os
import re
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from core import clock
from core.handles import Handles
from core.handoff.by_post import offer_by_post
from core.inbound.control_headers import known_names
from core.secret import Secret
from core.services.actor import Actor
from core.services.configuration.config_export import export_text
from core.services.configuration.config_text import import_text
from tests.pages import blocks, page

PAGE = page("incoming")
DOCS = Path(__file__).parents[1] / "docs"


def test_every_configuration_on_the_page_can_be_imported(
    handles: Handles, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_SECRET", "s3cret")
    import_text(handles, admin, '[[queue]]\nname = "Support"\n', "before.toml")
    for text in blocks(PAGE, "toml"):
        assert import_text(handles, admin, text, "incoming.toml").differences


def test_the_table_of_control_headers_names_each_of_them() -> None:
    # Both prefixes are the same there, and FollowUp- stands before names of the second list.
    section = PAGE.partition("## Control headers")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([A-Za-z-]+)`", section))
    assert {name.removeprefix("FollowUp-") for name in known_names()} <= named


def test_what_is_read_out_of_otobo_can_be_imported(handles: Handles, admin: Actor) -> None:
    rows = (
        "dynamic_fields|Room", "states|new", "states|open", "states|pending auto close+",
        "queue|Support::First|1|3|help@example.org", "queue|Old|3|1|help@example.org",
        'address|help@example.org|Support::First|The "desk"|1',
        "account|help|imap.example.org:1993|IMAPS|INBOX|0|", "account|sales|pop.example.org|POP3TLS||1|Support::First",
        r"filter|010 room|1|Match|Subject|Room\s+(\d+)\/(?<part>\w+)|0", "filter|010 room|1|Match|ReplyTo|noreply|1",
        "filter|010 room|1|Set|X-OTOBO-DynamicField-Room|[***]|0",
        r"filter|020 first|0|Match|To|EMAILADDRESS:help@example\.org|0",
        "filter|020 first|0|Set|X-OTOBO-Queue|Support::First|0",
    )  # fmt: skip
    written = subprocess.run(
        [sys.executable, str(DOCS / "examples" / "from-otobo" / "otobo_to_toml.py")],
        input="".join(row.replace("|", "\t") + "\n" for row in rows),
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    import_text(handles, admin, written, "otobo.toml")
    taken = tomllib.loads(export_text(handles, admin))
    assert taken["settings"]["dynamic_fields"] == ["Room"]
    queues = {one["name"]: one for one in taken["queue"]}
    assert (queues["Support::First"]["closed"], queues["Old"]["validity"]) == ("new", "invalid-temporarily")
    assert [(one["validity"], one.get("port"), one.get("queue")) for one in taken["account"]] == [
        ("invalid", 1993, None), ("invalid", None, "Support::First"),
    ]  # fmt: skip
    assert [condition["header"] for condition in taken["filter"][0]["match"]] == ["Subject", "Reply-To"]


def test_the_receiver_on_the_page_takes_what_is_signed_and_nothing_else(tmp_path: Path) -> None:
    (source,) = blocks(PAGE, "python")
    announcing = source.replace(
        'http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver).serve_forever()',
        'server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)\n'
        "print(server.server_port, flush=True)\nserver.serve_forever()",
    )
    assert announcing != source
    (tmp_path / "receiver.py").write_text(announcing)
    document = b'{"delivery": 1, "event": "record", "record": {"number": "2026112010000042", "title": "Hello"}}'
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "receiver.py")],
        env={**os.environ, "CRM_SECRET": "s3cret"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as receiver:
        try:
            assert receiver.stdout is not None
            url, now = f"http://127.0.0.1:{receiver.stdout.readline().strip()}/", clock.utcnow()
            for _ in range(2):
                assert offer_by_post(url, Secret("s3cret"), document, now).is_taken
            assert not offer_by_post(url, Secret("other"), document, now).is_taken
            assert not offer_by_post(url, Secret("s3cret"), document, now - timedelta(hours=1)).is_taken
            assert receiver.stdout.readline() == "record 2026112010000042 Hello\n"
        finally:
            receiver.terminate()
