"""One pass over the outbox in a process of its own, that may be killed."""

from core.environment import Environment
from core.protocols.server import Timeouts
from tests.forked import Forked


def start_sending(environment: Environment, failpoints: str = "") -> Forked:
    """Begin to send what is due."""
    variables = {"POSTROOM_FAILPOINT": failpoints}
    return Forked(_child, str(environment.home), environment.database_url, variables=variables)


def _child(home: str, url: str) -> None:
    from core.environment import read_environment
    from core.gateway import open_gateway
    from core.outbound.deliver import deliver_due

    handles = open_gateway(read_environment({}, home=home, database_url=url))
    deliver_due(handles, timeouts=Timeouts(connect=5, login=5, command=5, settle=5))
    handles.close()
