"""One pass over the outbox in a process of its own, that may be killed."""

from multiprocessing.synchronize import Event

from core.environment import Environment
from tests.forked import Forked


def start_sending(environment: Environment, failpoints: str = "", *, awake: Event | None = None) -> Forked:
    """Begin to send what is due; what a failpoint puts to sleep sleeps until it shall be `awake`."""
    variables = {"POSTROOM_FAILPOINT": failpoints}
    return Forked(_child, str(environment.home), environment.database_url, awake, variables=variables)


def _child(home: str, url: str, awake: Event | None) -> None:
    from types import SimpleNamespace

    from core import failpoints
    from core.environment import read_environment
    from core.gateway import open_gateway
    from core.outbound.sending.deliver import deliver_due

    if awake is not None:
        failpoints.time = SimpleNamespace(sleep=awake.wait)  # type: ignore[assignment]
    handles = open_gateway(read_environment({}, home=home, database_url=url))
    deliver_due(handles)
    handles.close()
