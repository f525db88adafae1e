"""What docs/oauth-*.md shows is what the program says, and its commands work as they stand there."""

import io
import re
import shlex
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.resources.methods import METHODS
from docs.oauth_pages import PAGES, written
from tests.fakes.token_server import TokenServer, reaching
from tests.pages import blocks
from tests.waiting import PATIENCE
from tui.cli.__main__ import main
from tui.cli.connections.sign_in_prompt import SignInPrompt

USER = "support@example.org"

NEEDS_THE_PROVIDERS_MAIL_SERVER = ("postroom test ",)


@pytest.fixture(params=PAGES, ids=lambda page: page.stem)
def page(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text()


def test_steps_fields_and_errors_are_those_of_the_program(page: str) -> None:
    assert written(page) == page, "run: python docs/oauth_pages.py"


def test_every_method_has_its_steps_on_the_page_it_names() -> None:
    pages = {f"docs/{path.name}": path.read_text() for path in PAGES}
    for method in METHODS:
        texts = [pages[method.page]] if method.page else list(pages.values())
        assert any(f"<!-- begin: steps {method.provider} {method.name} -->" in text for text in texts), method.title


def test_every_link_within_the_pages_leads_somewhere(page: str) -> None:
    places = {path.name: _places(path.read_text()) for path in PAGES}
    for name, place in re.findall(r"\]\(([\w-]+\.md)?#([\w-]+)\)", page):
        assert place in (places[name] if name else _places(page))


def test_the_commands_work_as_they_stand_there(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with TokenServer() as server, reaching(server, monkeypatch):
        server.client_id = re.findall(r"client_id=(\S+)", page)[0]
        monkeypatch.setenv("POSTROOM_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        (tmp_path / "secret.txt").write_text(f"{server.client_secret}\n")
        (tmp_path / "password.txt").write_text("a password\n")
        (tmp_path / "refresh-token.txt").write_text(server.sign_in(USER))
        shown: list[str] = []
        _be_the_person(server, monkeypatch, shown)
        for line in _commands(page):
            words, _, file = line.partition(" < ")
            stdin = (tmp_path / file).read_text() if file else ""
            monkeypatch.setattr(sys, "stdin", _Stdin(stdin, lambda: server.browse(shown[-1], USER)))
            code = main(shlex.split(words)[1:])
            ended = capsys.readouterr()
            assert code == 0, f"{line}\n{ended.out}{ended.err}"
            assert "oauth status" not in line or "signed in" in ended.out


class _Stdin(io.StringIO):
    """A file, or a person who pastes what the browser ended at."""

    def __init__(self, text: str, paste: Callable[[], str]) -> None:
        super().__init__(text)
        self._paste = paste
        self._is_file = bool(text)

    def readline(self, *arguments: Any) -> str:
        return super().readline(*arguments) if self._is_file else f"{self._paste()}\n"


def _be_the_person(server: TokenServer, monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    """Enter the codes that are shown, and follow the addresses with a browser on this machine."""
    show_code, show_address = SignInPrompt.show_code, SignInPrompt.show_address

    def enter(prompt: SignInPrompt, *arguments: Any) -> None:
        show_code(prompt, *arguments)
        server.enter_code(USER)

    def browse(prompt: SignInPrompt, whose: str, url: str, ends: Any) -> None:
        show_address(prompt, whose, url, ends)
        shown.append(url)
        if "localhost%3A" in url:  # somebody listens there: nothing is pasted
            back = server.browse(url, USER)
            threading.Thread(target=lambda: urllib.request.urlopen(back, timeout=PATIENCE).close()).start()

    monkeypatch.setattr(SignInPrompt, "show_code", enter)
    monkeypatch.setattr(SignInPrompt, "show_address", browse)
    monkeypatch.setattr(SignInPrompt, "pause", lambda *_: True)


def _commands(page: str) -> Iterator[str]:
    for block in blocks(page, "sh"):
        yield from (line for line in block.splitlines() if not line.startswith(NEEDS_THE_PROVIDERS_MAIL_SERVER))


def _places(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
