"""Where messages of real batches end: follow-ups, copies, twins, and Message-IDs that name nothing."""

import pytest

from core.handles import Handles
from tests.accounts import ON_SQLITE, add_account, at, fetched_well, message, raws, records, stored
from tests.servers.dovecot import DovecotServer

QUESTION = message("question")
ANSWER = message("answer", "In-Reply-To: <question@mail.example.org>")
ANSWER_TO_ANSWER = message("third", "References: <unknown@x> <answer@mail.example.org>")


def record_ids(handles: Handles) -> list[int | None]:
    return [one.record_id for one in stored(handles)]


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
@pytest.mark.parametrize(
    "batches",
    [[[QUESTION, ANSWER, ANSWER_TO_ANSWER]], [[QUESTION], [ANSWER, ANSWER_TO_ANSWER]], [[QUESTION], [ANSWER], [ANSWER_TO_ANSWER]]],
    ids=["one batch", "two runs", "three runs"],
)  # fmt: skip
def test_an_answer_belongs_to_the_record_of_what_it_answers(
    handles: Handles, dovecot: DovecotServer, batches: list[list[bytes]], kind: str
) -> None:
    user = dovecot.fresh_user()
    add_account(handles, **at(dovecot, user, kind))
    follow_ups = 0
    for batch in batches:
        dovecot.deliver(user, batch)
        follow_ups += fetched_well(handles).counts.follow_ups
    assert follow_ups == 2
    assert len(records(handles)) == 1
    assert record_ids(handles) == [records(handles)[0].id] * 3


@ON_SQLITE
def test_the_number_in_a_subject_leads_to_its_record(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [QUESTION])
    add_account(handles, **at(dovecot, user))
    fetched_well(handles)
    number = records(handles)[0].number
    dovecot.deliver(user, [message("later", f"Subject: Re: [Ticket#{number}] Message question")])
    assert fetched_well(handles).counts.follow_ups == 1
    assert len(records(handles)) == 1


@ON_SQLITE
def test_an_answer_read_before_its_question_makes_a_record_of_its_own(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [ANSWER, QUESTION])
    add_account(handles, **at(dovecot, user))
    assert fetched_well(handles).counts.records == 2


def test_the_same_message_in_two_folders_is_one_record(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.create_folder(user, "Copies")
    dovecot.deliver(user, [QUESTION, message("nameless", "Message-ID:")])
    for raw in (QUESTION, message("nameless", "Message-ID:")):
        dovecot.append(user, raw, "Copies")
    add_account(handles, folders=["INBOX", "Copies"], after_fetch="delete", **at(dovecot, user))

    fetched_well(handles)

    # What has no Message-ID cannot be known to be the same message.
    assert len(records(handles)) == 3
    question = [one for one in stored(handles) if one.raw == QUESTION]
    assert [one.folder for one in question] == ["INBOX", "Copies"]
    assert len({one.record_id for one in question}) == 1
    assert dovecot.mails(user) + dovecot.mails(user, "Copies") == []


@ON_SQLITE
def test_a_copy_that_comes_to_another_folder_later_belongs_to_the_same_record(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.create_folder(user, "Copies")
    add_account(handles, folders=["INBOX", "Copies"], **at(dovecot, user))
    dovecot.deliver(user, [QUESTION])
    fetched_well(handles)
    dovecot.append(user, QUESTION, "Copies")
    fetched_well(handles)
    assert len(records(handles)) == 1
    assert len(stored(handles)) == 2


def test_two_accounts_that_receive_the_same_mail_get_a_record_each(handles: Handles, dovecot: DovecotServer) -> None:
    for name in ("first", "second"):
        user = dovecot.fresh_user()
        dovecot.deliver(user, [QUESTION, ANSWER])
        add_account(handles, name=name, **at(dovecot, user))
    fetched_well(handles, "first")
    fetched_well(handles, "second")
    assert [record.account_id for record in records(handles)] == [1, 2]
    # An answer goes to the record of its own account.
    assert [(one.account_id, one.record_id) for one in stored(handles)] == [
        (record.account_id, record.id) for record in records(handles) for _ in range(2)
    ]


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
@pytest.mark.parametrize("runs", [1, 2])
def test_twins_in_one_folder_are_two_records(handles: Handles, dovecot: DovecotServer, kind: str, runs: int) -> None:
    user = dovecot.fresh_user()
    add_account(handles, after_fetch="delete", **at(dovecot, user, kind))
    for batch in ([[QUESTION], [QUESTION]], [[QUESTION, QUESTION]])[runs == 1]:
        dovecot.deliver(user, batch)
        fetched_well(handles)
    assert raws(handles) == [QUESTION, QUESTION]
    assert len(records(handles)) == 2
    assert dovecot.mails(user) == []


@pytest.mark.parametrize(
    "message_id",
    ["Message-ID:", "Message-ID: ", "Message-ID: <>", "Message-ID: <same@x>", "Message-ID: no brackets", "Message-ID: <a\0b@x>"],
)  # fmt: skip
def test_message_ids_that_name_nothing_do_not_join_messages(
    handles: Handles, dovecot: DovecotServer, message_id: str
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number, message_id) for number in range(3)])
    add_account(handles, **at(dovecot, user))
    fetched_well(handles)
    assert len(records(handles)) == 3
