"""The roles as PostgreSQL's own, on a real server: what a login cannot do by psql, and that Postroom still works so."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from core.clock import utcnow
from core.db.bulk import insert_rows
from core.db.roles import (
    ADMIN,
    LOOKED_AT_BY_ROW,
    OPERATED,
    OPERATOR,
    OPERATORS_ORDERS,
    SECLUDED_SETTINGS,
    VIEWER,
    WORKER,
    roles_sql,
)
from core.environment import read_environment
from core.errors import NotPermitted
from core.gateway import open_gateway
from core.handles import Handles
from core.models import Audit, metadata
from core.outbox.return_token import SECRET as RETURN_TOKEN
from core.outbox.return_token import made_secret, secret_of
from core.resources.catalogue import KINDS
from core.secret import Secret
from core.services import access, deliveries, outbox, quarantine, records, requests, settings, suppressions
from core.services.actor import Actor, Role
from core.services.configuration.accounts import accounts
from core.services.configuration.catalogue import RESOURCES
from core.services.doctor.examination import examine
from core.services.lists import search
from core.services.looking import details, overview, pictures, runs, where
from core.services.messages import raw
from core.services.signing_in import sign_in_status
from core.services.what_if import route
from core.workers.loop import run_workers
from tests.accounts import at, fetched_well, message
from tests.outbound import world
from tests.servers.dovecot import DovecotServer
from tests.services.worlds import add

ON_POSTGRESQL = pytest.mark.parametrize("home", ["postgresql"], indirect=True)

pytestmark = ON_POSTGRESQL

LOGINS = {"vera": VIEWER, "otto": OPERATOR, "anna": ADMIN, "work": WORKER}
ROLE_OF = {"vera": Role.VIEWER, "otto": Role.OPERATOR, "anna": Role.SUPER_SECURITY_ADMIN}

Login = Callable[[str], Handles]


@pytest.fixture
def furnished(handles: Handles, dovecot: DovecotServer) -> Handles:
    """A world with something of most kinds, as its owner made it, the roles granted twice."""
    boss = Actor("boss", "here", Role.SUPER_SECURITY_ADMIN)
    user = dovecot.fresh_user()
    settings.change(handles, boss, {"loop.records": 1})
    for number in (1, 2, 3):
        dovecot.append(user, message(number, sender="loop@example.org"))
    add(handles, boss, "account", "in", **at(dovecot, user), password=Secret("secret"))
    add(handles, boss, "template", "t", smtp_host="127.0.0.1", smtp_auth=False)
    add(handles, boss, "mailbox", "out", template="t", password=Secret("kanarienvogel"))
    fetched_well(handles)
    world.put(handles, 2)
    for _ in range(2):
        with psycopg.connect(handles.environment.database_url, autocommit=True) as connection:
            connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")  # as it was before PostgreSQL 15
            connection.execute(roles_sql())
            for login, role in LOGINS.items():
                connection.execute(
                    f"DO $$ BEGIN CREATE ROLE {login} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
                )
                connection.execute(f"GRANT {role} TO {login}")
    return handles


@pytest.fixture
def login(furnished: Handles) -> Iterator[Login]:
    """Postroom opened by a login of the server."""
    opened: list[Handles] = []

    def open_as(name: str) -> Handles:
        url = furnished.environment.database_url.replace("postgres@", f"{name}@")
        opened.append(open_gateway(read_environment({}, home=str(furnished.environment.home), database_url=url)))
        return opened[-1]

    yield open_as
    for one in opened:
        one.close()


def psql(handles: Handles, name: str, statement: str) -> str:
    """What a login is answered to a statement of its own; empty: done."""
    try:
        with psycopg.connect(handles.environment.database_url.replace("postgres@", f"{name}@")) as connection:
            connection.execute(statement)
            connection.rollback()
    except psycopg.errors.InsufficientPrivilege as error:
        return str(error).splitlines()[0]
    return ""


CONFIGURATION = ("account", "mailbox", "template", "queue", "address", "filter", "handoff", "profile", "setting")


@pytest.mark.parametrize("name", ["vera", "otto"])
def test_neither_viewer_nor_operator_reads_secrets_or_changes_configuration(furnished: Handles, name: str) -> None:
    for statement in ("SELECT * FROM secret", "SELECT sealed FROM secret", "SELECT sealed FROM token",
                      "SELECT * FROM template", "SELECT smtp_port FROM template", "SELECT sealed_values FROM request",
                      "UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit", "DROP TABLE audit",
                      "ALTER TABLE audit DISABLE TRIGGER ALL"):  # fmt: skip
        refusal = psql(furnished, name, statement)
        assert "permission denied" in refusal or "must be owner" in refusal, statement
    for table in (*CONFIGURATION, "secret", "token"):
        for statement in (f"DELETE FROM {table}", f"INSERT INTO {table} DEFAULT VALUES"):
            assert psql(furnished, name, statement) == f"permission denied for table {table}", statement
        column = next(iter(metadata.tables[table].primary_key)).name
        assert "permission denied" in psql(furnished, name, f"UPDATE {table} SET {column} = {column}")


def test_tables_with_policies_are_known(furnished: Handles) -> None:
    with psycopg.connect(furnished.environment.database_url) as connection:
        found = connection.execute("SELECT relname FROM pg_class WHERE relrowsecurity").fetchall()
    assert {name for (name,) in found} == LOOKED_AT_BY_ROW


def test_a_worker_writes_many_lines_of_the_audit_log_at_once(login: Login) -> None:
    line = {"at": utcnow(), "actor": "worker", "verb": "remove", "kind": "record", "name": "1"}
    login("work").database.writing(lambda session: insert_rows(session, Audit, [line] * 100))


def test_a_viewer_cannot_read_what_return_path_tokens_are_reckoned_with(furnished: Handles, login: Login) -> None:
    furnished.database.writing(made_secret)
    for name, is_there in (("vera", False), ("otto", True), ("work", True), ("anna", True)):
        with login(name).database.reading() as session:
            assert (secret_of(session) is not None) == is_there, name
    assert SECLUDED_SETTINGS == (RETURN_TOKEN,)
    assert login("vera").settings().loop.records == 1


@pytest.mark.parametrize("name", ["vera", "otto"])
def test_the_audit_log_tells_by_psql_no_more_of_templates_than_in_postroom(furnished: Handles, name: str) -> None:
    asked = "SELECT 1 / (id - id) FROM audit WHERE kind = 'template'"  # an error, should there be a line
    with pytest.raises(psycopg.errors.DivisionByZero):
        psql(furnished, "anna", asked)
    assert psql(furnished, name, asked) == ""


ORDER = (
    "INSERT INTO request (kind, subject, arguments, sealed_values, asked_by, asked_at, wanted_home, state, claimed_by, "
    "fence, last_seq) VALUES ('{}', 'account:in', '{{}}', {}, 'otto@here', now(), '', 'asked', '', 0, 0)"
)


def test_an_operator_orders_by_psql_nothing_of_values_or_sign_ins(furnished: Handles) -> None:
    # The worker would log in at the operator's own server with a file that only it can read, or a profile's token.
    refused = 'new row violates row-level security policy for table "request"'
    assert psql(furnished, "otto", ORDER.format("test", "NULL")) == ""
    assert psql(furnished, "otto", ORDER.format("test", "'sealed'::bytea")) == refused
    assert psql(furnished, "otto", ORDER.format("sign in", "NULL")) == refused
    assert psql(furnished, "anna", ORDER.format("sign in", "'sealed'::bytea")) == ""
    orders = {verb for _, verb in access.OPERATING} & {"deliver", "fetch", "rehearse", "sign in", "test"}
    assert set(OPERATORS_ORDERS) == orders


@pytest.mark.parametrize("name", [*LOGINS])
def test_nobody_makes_what_another_s_session_could_take_for_ours(furnished: Handles, name: str) -> None:
    made = "CREATE FUNCTION lower(json) RETURNS text LANGUAGE sql AS 'SELECT NULL'"
    assert psql(furnished, name, made) == "permission denied for schema public"


@pytest.mark.parametrize("name", ["vera", "otto", "anna", "work"])
def test_whoever_looks_may_ask_the_doctor(login: Login, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    one = login(name)
    monkeypatch.setattr(one, "close", lambda: None)  # the fixture's to do
    found = {finding.check: finding for finding in examine(one.environment, lambda: one, connecting=True)}
    is_secluded = name in {"vera", "otto"}
    told = found["servers"].text
    assert told.startswith("1 account and 0 mailboxes find their server") == is_secluded
    assert ("templates are an administrator's" in told) == is_secluded
    assert ("mailbox out" in found) != is_secluded  # nobody listens there


def test_a_viewer_writes_nothing_at_all(furnished: Handles) -> None:
    for table in metadata.tables:
        assert psql(furnished, "vera", f"DELETE FROM {table}") == f"permission denied for table {table}"
        assert psql(furnished, "vera", f"INSERT INTO {table} DEFAULT VALUES") == f"permission denied for table {table}"


def test_an_admin_does_all_but_change_the_audit_log(furnished: Handles) -> None:
    for table in set(metadata.tables) - {"audit"}:
        assert psql(furnished, "anna", f"DELETE FROM {table} WHERE false") == ""
    assert psql(furnished, "anna", "SELECT sealed FROM secret") == ""
    for name in ("anna", "work"):
        assert psql(furnished, name, "UPDATE audit SET actor = 'x'") == "permission denied for table audit"
    assert psql(furnished, "anna", "DELETE FROM audit") == "permission denied for table audit"
    assert psql(furnished, "work", "DELETE FROM audit") == "the audit log is only added to"


@pytest.mark.parametrize("name", ["otto", "anna", "work"])
def test_nobody_numbers_lines_of_the_audit_log_ahead(furnished: Handles, name: str) -> None:
    """Whatever is noted later would be refused, and with it every change of an administrator's."""
    line = "INSERT INTO audit ({}at, actor, verb, kind, name) SELECT {}now(), 'x', 'x', 'x', 'x' FROM {}"
    ahead = line.format("id, ", "id, ", "generate_series(1000000, 1000010) AS id")
    assert psql(furnished, name, ahead) == "permission denied for table audit"
    assert psql(furnished, name, "SELECT setval('audit_id_seq', 1)") == "permission denied for sequence audit_id_seq"
    assert psql(furnished, name, line.format("", "", "generate_series(1, 2)")) == ""


@pytest.mark.parametrize("name", ["vera", "otto"])
def test_who_looks_sees_every_list_and_row_but_templates(login: Login, name: str) -> None:
    handles, actor = login(name), Actor(name, "here", ROLE_OF[name])

    for kind in (one for one in KINDS if access.may(actor, access.SEE, one.name)):
        page = search.matching(handles, actor, kind, "", limit=5)
        search.count(handles, actor, kind, "x")
        for row in page.rows[:1]:
            name_of_row = f"{row['run']}:{row['seq']}" if kind.name == "event" else row[kind.key]
            details.show(handles, actor, kind, name_of_row)
    for resource in RESOURCES.values():
        if resource.kind.name != "template":
            for row in resource.matching(handles, actor).rows[:1]:
                resource.get(handles, actor, row[resource.kind.key])
    assert overview.overview(handles).outbox == 2
    runs.recent(handles, actor), runs.running(handles, actor), runs.tail(handles, actor, {})
    pictures.account_health(handles, actor), pictures.outbox_by_state(handles, actor)
    assert pictures.mailbox_health(handles, actor)
    pictures.throughput(handles, actor, utcnow())
    sign_in_status.standings(handles, actor)
    assert where.where(handles, actor, "Message 1")
    assert [stop.mailbox for stop in route.simulate(handles, actor, "a@example.org", "b@example.net").stops] == ["out"]
    assert raw(handles, actor, search.matching(handles, actor, KINDS_BY["message"]).rows[0]["id"])


KINDS_BY = {kind.name: kind for kind in KINDS}


def test_an_operator_does_the_daily_work(login: Login) -> None:
    handles, actor = login("otto"), Actor("otto", "here", Role.OPERATOR)
    ids = [row["id"] for row in search.matching(handles, actor, KINDS_BY["outbox"]).rows]

    outbox.hold(handles, actor, ids)
    outbox.release(handles, actor, ids[:1])
    outbox.cancel(handles, actor, ids[1:])
    accounts.pause(handles, actor, "in")
    accounts.resume(handles, actor, "in")
    requests.ask(handles, actor, "fetch", "account:in")
    number = search.matching(handles, actor, KINDS_BY["record"]).rows[0]["number"]
    records.change(handles, actor, number, {"state": "open"})
    deliveries.retry(handles, actor, None)
    suppressions.release(handles, actor, [])
    handles.changes.flush()

    lines = [
        row["verb"] for row in search.matching(handles, actor, KINDS_BY["audit"]).rows if row["actor"] == "otto@here"
    ]
    assert {"hold", "release", "cancel", "pause", "resume", "fetch", "change"} <= set(lines)


def test_an_operator_files_what_was_quarantined(login: Login, furnished: Handles) -> None:
    handles, actor = login("otto"), Actor("otto", "here", Role.OPERATOR)
    first, second = [row["id"] for row in search.matching(furnished, actor, KINDS_BY["quarantine"]).rows]

    quarantine.release(handles, actor, first, "Junk")
    quarantine.retry(handles, actor, second)

    assert "Junk" in {row["queue"] for row in search.matching(handles, actor, KINDS_BY["record"]).rows}


def test_an_admin_configures_and_is_noted(login: Login, tmp_path: Path) -> None:
    handles, actor = login("anna"), Actor("anna", "here", Role.SUPER_SECURITY_ADMIN)

    add(handles, actor, "account", "new", password=Secret("kanarienvogel"))
    accounts.delete(handles, actor, "new")
    accounts.restore(handles, actor, "new")

    assert access.may(actor, "add", "account")


def test_workers_work_as_their_own_role(login: Login, furnished: Handles) -> None:
    handles = login("work")

    run_workers(handles, once=True)

    (account,) = [row for row in accounts.matching(furnished, ADMINISTRATOR).rows if row["name"] == "in"]
    assert account["status"] == "ok"


ADMINISTRATOR = Actor("boss", "here", Role.SUPER_SECURITY_ADMIN)


def test_what_the_role_of_the_login_forbids_is_refused_even_if_settings_allow_it(login: Login) -> None:
    handles = login("vera")

    with pytest.raises(NotPermitted, match="login of the database may not do that: permission denied for table"):
        accounts.pause(handles, ADMINISTRATOR, "in")


def test_the_sql_that_ships_is_the_one_that_is_printed(handles: Handles) -> None:
    shipped = Path(__file__).parents[2] / "docs" / "postgresql-roles.sql"

    assert shipped.read_text() == roles_sql(), "postroom db roles > docs/postgresql-roles.sql"
    assert set(metadata.tables) >= OPERATED


def test_where_the_tables_are_in_another_schema_the_rights_are_too(handles: Handles) -> None:
    with psycopg.connect(handles.environment.database_url, autocommit=True) as owner:
        owner.execute('ALTER SCHEMA public RENAME TO "mail ""in"""')
        owner.execute(roles_sql('mail "in"'))  # type: ignore[call-overload]
        owner.execute(f"SET ROLE {VIEWER}")  # type: ignore[call-overload]
        owner.execute('SELECT name FROM "mail ""in""".queue')
