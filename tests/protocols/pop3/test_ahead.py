"""RETR of the next batch is sent while this one is on its way; no message is taken for another, and none is read twice."""

import pytest

from core.errors import ConnectionLost
from core.protocols.sessions import open_pop3
from tests.protocols.pop3.test_misbehaviour import LOGIN, keys_of, script, session
from tests.protocols.scripted import Answer, ScriptedServer, Talk

ALONE = (b"+OK", b"USER", b"UIDL", b".")


def both(talk: Talk) -> None:
    """Answers nobody before it was asked for two."""
    assert [talk.last, talk.hear()] == [b"RETR 1", b"RETR 2"]
    talk.say(b"+OK", b"one", b".", b"+OK", b"two", b".")
    while said := talk.hear():
        talk.say(b"+OK done")
        assert not said.startswith(b"RETR")


def test_the_next_batch_is_asked_for_before_this_one_has_come() -> None:
    with session({b"RETR": both}) as source:
        first, second = keys_of(source)
        assert [one.raw for one in source.fetch([first], [second])] == [b"one\r\n"]
        assert [one.raw for one in source.fetch([second])] == [b"two\r\n"]


def test_what_was_asked_for_is_taken_in_before_anything_else_is_said() -> None:
    with session({b"RETR": both}) as source:
        first, second = keys_of(source)
        source.fetch([first], [second])
        assert source.delete([first]).pending == (first,)
        assert [one.raw for one in source.fetch([second])] == [b"two\r\n"]
        assert source.close() == (first,)


def test_what_is_not_wanted_any_more_is_passed_over() -> None:
    answers = iter([(b"+OK", b"one", b"."), (b"+OK", b"two", b"."), (b"+OK", b"one again", b".")])
    with session({b"RETR": answers}) as source:
        first, second = keys_of(source)
        source.fetch([first], [second])
        assert [one.raw for one in source.fetch([first])] == [b"one again\r\n"]


def test_a_connection_that_is_cut_in_the_next_batch_loses_only_that() -> None:
    def cut(talk: Talk) -> None:
        talk.hear()
        talk.say(b"+OK", b"one", b".", b"+OK", b"tw")

    with session({b"RETR": cut}) as source:
        first, second = keys_of(source)
        assert [one.raw for one in source.fetch([first], [second])] == [b"one\r\n"]
        with pytest.raises(ConnectionLost):
            source.fetch([second])


def test_a_server_without_pipelining_is_asked_one_by_one() -> None:
    unasked: dict[bytes, Answer] = {b"CAPA": ALONE}
    with ScriptedServer(script(unasked)) as server:
        source = open_pop3(server.server(), LOGIN)
        source.select(writable=True)
        first, second = keys_of(source)
        source.fetch([first], [second])
        source.noop()
        source.fetch([second])
        source.drop()
    assert [line for line in server.heard if line.startswith((b"RETR", b"NOOP"))] == [b"RETR 1", b"NOOP", b"RETR 2"]
