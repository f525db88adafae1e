"""What is tidied once a minute: of the audit log what its retention lets go, and of orders what they brought sealed."""

from datetime import timedelta

from core import clock
from core.handles import Handles
from core.models import Audit, Request
from core.secret import Secret
from core.services import requests, settings
from core.services.actor import Actor
from core.workers.orders import finish, take_orders
from core.workers.sweeper import sweep
from tests.accounts import rows_of
from tests.services.worlds import put


def _ages(handles: Handles) -> list[int]:
    now = clock.utcnow()
    return [(now - row.at).days for row in rows_of(handles, Audit, "id") if row.kind == "old"]


def test_the_audit_log_is_kept_for_ever_unless_its_retention_says_otherwise(handles: Handles, admin: Actor) -> None:
    for days in (400, 20):
        at = clock.utcnow() - timedelta(days=days)
        put(handles, Audit(at=at, actor="anna@here", verb="add", kind="old", name="x"))

    sweep(handles)
    assert _ages(handles) == [400, 20]

    settings.change(handles, admin, {"retention.audit": "365d"})
    sweep(handles)
    assert _ages(handles) == [20]


def test_what_an_order_brought_sealed_goes_when_it_is_over(handles: Handles, admin: Actor) -> None:
    requests.ask(handles, admin, "test", "account:new", values={"password": Secret("kanarienvogel")})
    (order,) = take_orders(handles, ("test",))
    assert rows_of(handles, Request, "id")[0].sealed_values

    finish(handles, order, ok=False)

    assert rows_of(handles, Request, "id")[0].sealed_values is None
