"""django-mailbox: IMAP into a Django project with SQLite; it parses each message, stores it, and deletes it there."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.environments import interpreter_with
from benchmarks.peers.peer import Command, Peer, Source
from benchmarks.peers.running import to_the_end

SETTINGS = """from pathlib import Path

HERE = Path(__file__).parent
SECRET_KEY = "a benchmark's"
USE_TZ = True
INSTALLED_APPS = ["django_mailbox"]
MEDIA_ROOT = HERE / "media"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""


def django_mailbox() -> Peer:
    """One as it comes."""
    return Peer("django-mailbox", to_the_end(_prepare), _in_table, is_slow=True, empties=True)


def _prepare(source: Source, place: Path) -> Sequence[Command]:
    python = str(interpreter_with("django<6", "django-mailbox"))
    (place / "bench_settings.py").write_text(SETTINGS)
    environment = {"DJANGO_SETTINGS_MODULE": "bench_settings", "PYTHONPATH": str(place)}
    uri = f"imap://{source.user}:{source.password}@{source.host}:{source.port}"
    add = f"from django_mailbox.models import Mailbox; Mailbox.objects.create(name='bench', uri={uri!r})"
    for words in ((python, "-m", "django", "migrate"), (python, "-m", "django", "shell", "-c", add)):
        done = subprocess.run(words, env=Command(words, environment).variables, capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(f"django-mailbox could not be set up:\n{done.stderr.decode()[-2000:]}")
    return [Command((python, "-m", "django", "getmail"), environment)]


def _in_table(place: Path) -> int:
    import sqlite3

    with sqlite3.connect(place / "db.sqlite3") as connection:
        (count,) = connection.execute("SELECT count(*) FROM django_mailbox_message").fetchone()
        return int(count)
