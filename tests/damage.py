"""A database file with a page that is not what it was."""

from core.environment import Environment
from core.gateway import open_gateway
from tests.outbound.world import put

PAGE = 16384


def damage(environment: Environment, table: str = "recipient") -> None:
    """Overwrite the beginning of a table that has rows; nobody has the file open."""
    handles = open_gateway(environment)
    put(handles, 2000)
    with handles.database.reading() as session:
        asked = f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'"
        page = session.connection().exec_driver_sql(asked).scalar_one()
    handles.close()
    with environment.database_file.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xff" * 64)  # no page begins so
