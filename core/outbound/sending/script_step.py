"""Where a mailbox has a MIME script: between composing a message and handing it over."""

from __future__ import annotations

from core.models import Lane
from core.outbound.decisions.compose import Composed, with_script_applied
from core.outbound.route import Route
from core.outbound.scripts.run import ScriptContext, customise
from core.outbound.sending.book import Book
from core.outbound.sending.job import Job


def apply_script(composed: Composed, job: Job, route: Route, book: Book) -> Composed:
    """The message as the mailbox's script leaves it; as it is where there is none.

    Raises:
        ScriptFailed: it is not to be sent now.
        UnsafeMessage: what the script made of it must not leave.
    """
    if not route.identity.mime_script:
        return composed
    context = ScriptContext(
        mailbox=route.name,
        lane=next(lane.value for lane in Lane if lane.rank == job.due.lane_rank),
        recipients=composed.envelope.recipients,
        attempt=job.number,
        message_id=job.due.message_id,
        now=book.now,
    )
    handles = book.handles
    folder = handles.environment.scripts
    changed = customise(folder, route.identity.mime_script, composed.raw, context, host=handles.host)
    if changed is composed.raw:
        return composed
    return with_script_applied(composed, changed, host_mark=book.host_mark)
