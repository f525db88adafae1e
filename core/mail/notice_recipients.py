"""Whom a notice in a server's own words names, and what it says of each."""

import re
from itertools import islice

from core.mail.addresses import bare_addresses
from core.mail.bounce_forms import BounceForm
from core.mail.bounce_signs import DELAYED, EXPIRED
from core.mail.bounces import Action, BouncedRecipient
from core.mail.delivery_words import status_in
from core.mail.headers import Headers
from core.text import bounded, clean

MOST_RECIPIENTS = 100
"""Of one notice; those named after them are left out."""

_LONGEST_DIAGNOSTIC = 998
_LONGEST_ADDRESS = 320
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_DELAY_SUBJECT = re.compile(
    r"\W{0,4}(?:warning\b.{0,60}(?:delay|could not send)|delayed\b|(?:mail |message )?delivery (?:is )?delay)|"
    r"[^:]{0,80}\(delay(?:ed)?\)",
    re.IGNORECASE,
)
"""How the subject of a notice of delay begins: what follows may be the subject of the message."""


def recipients_in(form: BounceForm, notice: str, headers: Headers) -> tuple[BouncedRecipient, ...]:
    """Whom the notice names, each with what is said of him; a header that lists them knows best who they are."""
    is_delay = _is_delay(notice, headers)
    status_of_all = status_in(notice)
    words = _words_by_address(form, notice)
    listed = [one.lower() for value in headers.raw_all("x-failed-recipients") for one in bare_addresses(value)]
    listed = listed[:MOST_RECIPIENTS]
    named = {address: said for address, said in words.items() if address.lower() in listed}
    named |= {address: notice for address in listed if address not in map(str.lower, named)}
    return tuple(
        _recipient(address, said, notice, status_of_all, is_delay=is_delay)
        for address, said in list((named if listed else words).items())[:MOST_RECIPIENTS]
    )


def only_recipient_in(address: str, notice: str, headers: Headers) -> BouncedRecipient:
    """What a notice says that names nobody, of him whom it must be about."""
    return _recipient(address, notice, notice, status_in(notice), is_delay=_is_delay(notice, headers))


def _is_delay(notice: str, headers: Headers) -> bool:
    return DELAYED.search(notice) is not None or _DELAY_SUBJECT.match(headers.get("subject") or "") is not None


def _words_by_address(form: BounceForm, notice: str) -> dict[str, str]:
    """Each address with the words from it to the next one; a reply may begin a line with the address it is about."""
    for pattern in form.recipients:
        firsts: dict[str, re.Match[str]] = {}
        for one in islice(pattern.finditer(notice), MOST_RECIPIENTS * 2):
            firsts.setdefault(one["address"].rstrip(".").lower(), one)
        if not firsts:
            continue
        found = list(firsts.values())
        ends = [*(one.start() for one in found[1:]), len(notice)]
        return {one["address"].rstrip("."): notice[one.end() : end] for one, end in zip(found, ends, strict=True)}
    return {}


def _recipient(address: str, said: str, notice: str, status_of_all: str, *, is_delay: bool) -> BouncedRecipient:
    """What became of one recipient; where nothing is said of him, what the notice says elsewhere."""
    own = _first_paragraph(said)
    lines = "\n".join(line for line in notice.splitlines() if address.lower() in line.lower())
    status, said = next(
        ((found, words) for words in (own, said, lines) if (found := status_in(words))),
        (status_of_all, notice if said is notice else own or notice),
    )
    action = Action.DELAYED if is_delay and not EXPIRED.match(own) else Action.FAILED
    if is_delay and status:
        # A server that goes on trying has not taken the refusal for final.
        status = f"4{status[1:]}"
    return BouncedRecipient(bounded(clean(address), _LONGEST_ADDRESS), action, status, _diagnostic(said))


def _first_paragraph(said: str) -> str:
    """What is said of a recipient before it goes on about all."""
    return _BLANK_LINE.split(said.strip(), maxsplit=1)[0]


def _diagnostic(said: str) -> str:
    return bounded(" ".join(clean(said).split()).lstrip(":;-.) "), _LONGEST_DIAGNOSTIC)
