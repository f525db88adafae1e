"""One client of the small IMAP server (RFC 3501, with UIDPLUS, MOVE and LITERAL+)."""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from io import BufferedIOBase

from tui.demo.imap_folders import DELETED, SEEN, Folder, Mail, MailStore, folder_name, numbers
from tui.demo.imap_lines import arguments, read_command

CAPABILITIES = "IMAP4rev1 UIDPLUS MOVE UNSELECT LITERAL+ SASL-IR AUTH=PLAIN"
_DATE = "%d-%b-%Y %H:%M:%S %z"
_SECTION = re.compile(r"(BODY(?:\.PEEK)?)\[(HEADER|TEXT|)\](?:<(\d+)\.(\d+)>)?")


class _Refused(Exception):
    """A command that is answered NO; the text is the answer's."""


class ImapSession:
    """Reads commands until LOGOUT; each `_do_…` method is one of them and gives back the text after OK."""

    def __init__(
        self, stream: BufferedIOBase, send: Callable[[bytes], None], passwords: Mapping[str, str], store: MailStore
    ) -> None:
        self._stream = stream
        self._send = send
        self._passwords = passwords
        self._store = store
        self._user: str | None = None
        self._folder: Folder | None = None
        self._view: list[int] = []
        """The UIDs in the order of the numbers that the client knows."""

    def serve(self) -> None:
        """Greet, and answer until the client leaves."""
        self._say(f"* OK [CAPABILITY {CAPABILITIES}] Postroom demo")
        while command := read_command(self._stream, self._send):
            words = [_text(word) for word in arguments(command)]
            tag, key = (*words, "", "")[:2]
            del words[:2]
            if key.upper() == "UID" and words:
                key = f"UID_{words.pop(0)}"
            self._say(f"{tag} {self._answer(key, words)}")
            if key.upper() == "LOGOUT":
                return

    def _answer(self, key: str, words: list[str]) -> str:
        command: Callable[..., str | None] | None = getattr(self, f"_do_{key.lower()}", None)
        if command is None:
            return "BAD Unknown command"
        try:
            with self._store.lock:
                done = command(*words)
                self._tell_changes()
        except _Refused as refusal:
            return f"NO {refusal}"
        except (ValueError, TypeError):
            return "BAD These are not its arguments"
        return f"OK {done or 'Done'}"

    # In any state

    def _do_capability(self) -> None:
        self._say(f"* CAPABILITY {CAPABILITIES}")

    def _do_noop(self) -> None:
        """Only the changes are told, as after every command."""

    def _do_logout(self) -> None:
        self._folder = None
        self._say("* BYE See you")

    def _do_login(self, user: str, password: str) -> None:
        if self._passwords.get(user) != password:
            raise _Refused("[AUTHENTICATIONFAILED] Wrong name or password")
        self._user = user

    def _do_authenticate(self, mechanism: str, initial: str | None = None) -> None:
        if mechanism.upper() != "PLAIN":
            raise _Refused("Only PLAIN")
        if initial is None:
            self._say("+ ")
            initial = _text(read_command(self._stream, self._send)).strip()
        _, user, password = base64.b64decode(initial).decode().split("\0")  # RFC 4616 §2
        self._do_login(user, password)

    # When logged in

    def _do_list(self, reference: str, pattern: str) -> None:
        if not pattern:
            self._say(r'* LIST (\Noselect) "/" ""')
        # `*` stands for anything, `%` for anything within a level (RFC 3501 §6.3.8).
        wanted = re.compile(re.escape(reference + pattern).replace(r"\*", ".*").replace("%", "[^/]*"), re.IGNORECASE)
        for name in self._folders():
            if pattern and wanted.fullmatch(name):
                self._say(f'* LIST () "/" {_quoted(name)}')

    def _do_create(self, name: str) -> None:
        if folder_name(name) in self._folders():
            raise _Refused("[ALREADYEXISTS] There is one of this name")
        self._folders()[name] = Folder()

    def _do_status(self, name: str, items: str) -> None:
        folder = self._named(name)
        values = {
            "MESSAGES": len(folder.mails),
            "RECENT": 0,
            "UIDNEXT": folder.uid_next,
            "UIDVALIDITY": folder.uid_validity,
            "UNSEEN": sum(SEEN not in mail.flags for mail in folder.mails.values()),
        }
        told = " ".join(f"{item} {values[item]}" for item in items.strip("()").upper().split() if item in values)
        self._say(f"* STATUS {_quoted(name)} ({told})")

    def _do_select(self, name: str) -> str:
        folder = self._folder = self._named(name)
        self._view = list(folder.mails)
        self._say(r"* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)")
        self._say(f"* {len(self._view)} EXISTS")
        self._say("* 0 RECENT")
        self._say(f"* OK [UIDVALIDITY {folder.uid_validity}] The UIDs are valid")
        self._say(f"* OK [UIDNEXT {folder.uid_next}] The next UID")
        return "[READ-WRITE] Selected"

    def _do_examine(self, name: str) -> str:
        return self._do_select(name).replace("WRITE", "ONLY")

    def _do_append(self, name: str, *words: str) -> str:
        folder = self._named(name)
        *options, raw = words
        flags = next((option.strip("()").split() for option in options if option.startswith("(")), list[str]())
        dates = [_internal_date(option) for option in options if not option.startswith("(")]
        uid = folder.add(raw.encode("latin-1"), flags, *dates)
        return f"[APPENDUID {folder.uid_validity} {uid}] Stored"

    # With a folder selected

    def _do_uid_search(self, *criteria: str) -> None:
        found = list(self._selected().mails)
        for criterion in criteria:
            found = [uid for uid in found if uid in self._matching(criterion.upper().strip("()"))]
        self._say("* SEARCH" + "".join(f" {uid}" for uid in found))

    def _matching(self, criterion: str) -> set[int]:
        mails = self._selected().mails
        flag = {"SEEN": SEEN, "DELETED": DELETED}.get(criterion.removeprefix("UN"))
        if criterion in ("ALL", "UID"):  # the set that follows UID is a criterion of its own here
            return set(mails)
        if flag is not None:
            wanted = not criterion.startswith("UN")
            return {uid for uid, mail in mails.items() if (flag in mail.flags) == wanted}
        return set(numbers(criterion, list(mails)))

    def _do_uid_fetch(self, wanted: str, items: str) -> None:
        folder = self._selected()
        for uid in self._uids(wanted):
            if re.search(r"BODY\[", items.upper()):
                folder.change_flags(uid, "+", frozenset({SEEN}))
            parts = _fetched(folder.mails[uid], items.upper())
            self._send(b"* %d FETCH (" % self._number(uid) + b" ".join(parts) + b")\r\n")

    def _do_uid_store(self, wanted: str, what: str, flags: str) -> None:
        sign, silent = what[0].strip("Ff"), what.upper().endswith(".SILENT")
        for uid in self._uids(wanted):
            self._selected().change_flags(uid, sign, frozenset(flags.strip("()").split()))
            if not silent:
                parts = _fetched(self._selected().mails[uid], "UID FLAGS")
                self._send(b"* %d FETCH (" % self._number(uid) + b" ".join(parts) + b")\r\n")

    def _do_expunge(self) -> None:
        self._selected().expunge(self._view_now())

    def _do_uid_expunge(self, wanted: str) -> None:
        self._selected().expunge(self._uids(wanted))

    def _do_uid_move(self, wanted: str, name: str) -> None:
        target, uids = self._named(name), self._uids(wanted)
        if not uids:
            return
        moved = self._selected().move(uids, target)
        self._say(f"* OK [COPYUID {target.uid_validity} {_listed(uids)} {_listed(moved)}] Moved")

    def _do_close(self) -> None:
        self._do_expunge()
        self._do_unselect()

    def _do_unselect(self) -> None:
        self._selected()
        self._folder = None

    # What they share

    def _folders(self) -> dict[str, Folder]:
        if self._user is None:
            raise _Refused("Log in first")
        return self._store.folders(self._user)

    def _named(self, name: str) -> Folder:
        folder = self._folders().get(folder_name(name))
        if folder is None:
            raise _Refused("[TRYCREATE] There is no such folder")
        return folder

    def _selected(self) -> Folder:
        if self._folder is None:
            raise _Refused("Select a folder first")
        return self._folder

    def _view_now(self) -> list[int]:
        return [uid for uid in self._view if uid in self._selected().mails]

    def _uids(self, wanted: str) -> list[int]:
        return numbers(wanted, self._view_now())

    def _number(self, uid: int) -> int:
        return self._view.index(uid) + 1

    def _tell_changes(self) -> None:
        if self._folder is None:
            return
        for uid in [uid for uid in self._view if uid not in self._folder.mails]:
            self._say(f"* {self._number(uid)} EXPUNGE")
            self._view.remove(uid)
        if len(self._folder.mails) > len(self._view):
            self._view = list(self._folder.mails)
            self._say(f"* {len(self._view)} EXISTS")

    def _say(self, line: str) -> None:
        self._send(line.encode("latin-1", "replace") + b"\r\n")


def _fetched(mail: Mail, items: str) -> list[bytes]:
    told = [b"UID %d" % mail.uid]
    if "FLAGS" in items:
        told.append(f"FLAGS ({' '.join(sorted(mail.flags))})".encode())
    if "RFC822.SIZE" in items:
        told.append(b"RFC822.SIZE %d" % len(mail.raw))
    if "INTERNALDATE" in items:
        told.append(f'INTERNALDATE "{mail.received.strftime(_DATE)}"'.encode())
    for section in _SECTION.finditer(items):
        told.append(_section(mail.raw, *section.groups()))
    return told


def _section(raw: bytes, _asked: str, part: str, start: str | None, length: str | None) -> bytes:
    header, gap, text = raw.partition(b"\r\n\r\n")
    content = {"HEADER": header + gap, "TEXT": text, "": raw}[part]
    name = f"BODY[{part}]"
    if start is not None and length is not None:
        content = content[int(start) : int(start) + int(length)]
        name += f"<{start}>"
    return name.encode() + b" {%d}\r\n" % len(content) + content


def _internal_date(text: str) -> datetime:
    return datetime.strptime(text.strip(), _DATE)  # noqa: DTZ007 - the zone stands in _DATE


def _text(word: bytes) -> str:
    # Latin-1 turns any bytes into text and back, so that a message may be an argument like any other.
    return word.decode("latin-1")


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _listed(uids: list[int]) -> str:
    return ",".join(map(str, uids))
