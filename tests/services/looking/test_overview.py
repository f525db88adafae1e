"""The overview: what it counts, and which workers are alive."""

from core.handles import Handles
from core.models import Alert, Run
from core.services import requests
from core.services.looking import overview
from tests.services.traffic import message_row, outgoing_row, worker_row
from tests.services.worlds import NOW, put


def test_a_worker_is_alive_while_its_heart_beats(handles: Handles) -> None:
    put(handles, worker_row("dead", 120))
    assert not requests.any_worker_alive(handles)

    put(handles, worker_row("alive", 1))
    assert requests.any_worker_alive(handles)


def test_the_overview_counts(handles: Handles) -> None:
    put(
        handles, worker_row("w", 1), Run(account_id=1, account="a", started_at=NOW),
        Run(account_id=1, account="a", started_at=NOW, state="failed"), message_row(1, state="quarantined"), message_row(2),
        outgoing_row("queued"), outgoing_row("held"), outgoing_row("sent"), Alert(subject="s", text="t", opened_at=NOW),
        Alert(subject="old", text="t", opened_at=NOW, closed_at=NOW),
    )  # fmt: skip

    assert overview.overview(handles) == overview.Overview(workers=1, fetching=1, outbox=2, quarantine=1, alerts=1)
