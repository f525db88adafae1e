"""What docs/alerts.md shows works as it stands there."""

import json
import re
import shlex
from datetime import timedelta

from core import clock
from core.handles import Handles
from core.services import settings
from core.services.actor import Actor
from core.workers.telling.notice import Told, document
from tests.accounts import ON_SQLITE
from tests.outbound.world import add_mailbox
from tests.pages import blocks, page
from tests.servers.smtp import RuledSink
from tui.cli.words.assignments import read_assignments, toml_value

PAGE = page("alerts")


@ON_SQLITE
def test_the_settings_on_the_page_can_be_set(handles: Handles, admin: Actor, smtp_sink: RuledSink) -> None:
    add_mailbox(handles, "Notices", smtp_sink)
    lines = re.findall(r"^postroom set setting (.*)$", PAGE, re.MULTILINE)
    given = [word for line in lines for word in shlex.split(line)]
    settings.change(handles, admin, {name: toml_value(text) for name, text in read_assignments(given).items()})
    found = handles.settings().alerts
    assert found.to == ["ann@example.org", "on-call@example.org"]
    assert (found.mailbox, found.fetch_silence) == ("Notices", timedelta(hours=2))
    assert found.command.startswith("/usr/local/bin/page-on-call ")


def test_the_document_on_the_page_is_what_a_command_reads() -> None:
    (shown,) = blocks(PAGE, "json")
    written = document(Told(7, "account:support", "…", clock.utcnow(), None), "mail01")
    assert json.loads(shown).keys() == json.loads(written).keys()
