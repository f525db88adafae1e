"""What servers take, as they have said it: the last word counts, and is written once."""

from core.outbound.limits import Learned, Limits
from core.outbox.mailbox_news import MailboxNews
from tests.outbound.boxes import route

KNOWN = route(1, server_max_size=1000, server_max_recipients=50, server_takes_utf8=True)
NOTHING = {"size": None, "recipients": None, "takes_utf8": None}


def test_what_was_not_said_stays_and_no_limit_replaces_one() -> None:
    learned = Learned()
    learned.learn(KNOWN, size=0, recipients=None, takes_utf8=None)
    assert learned.of(KNOWN) == Limits(0, 50, True)

    learned.learn(KNOWN, size=None, recipients=20, takes_utf8=False)
    assert learned.of(KNOWN) == Limits(0, 20, False)
    assert learned.most_recipients_of(KNOWN) == 20


def test_what_was_known_is_no_news() -> None:
    learned = Learned()
    learned.learn(KNOWN, size=1000, recipients=50, takes_utf8=True)
    learned.learn(KNOWN, **NOTHING)
    assert not learned.has_news(1)
    assert learned.most_recipients_of(KNOWN) == 50


def test_news_are_told_once_and_of_their_mailbox_alone() -> None:
    learned = Learned()
    learned.learn(KNOWN, size=2000, recipients=None, takes_utf8=None)

    assert learned.told_with(MailboxNews(2)) == MailboxNews(2)
    told = learned.told_with(MailboxNews(1, has_sent=False))
    assert (told.server_max_size, told.server_max_recipients, told.server_takes_utf8) == (2000, 50, True)
    assert not learned.has_news(1)
    assert learned.told_with(MailboxNews(1)) == MailboxNews(1)
    assert learned.of(KNOWN).size == 2000
