"""django-post-office as `benchmarks.sending` runs it: its queue in SQLite, then its send phase."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks.peers.environments import interpreter_with

_SCRIPT = """
import json, sys, time
import django
from django.conf import settings

host, port, count, size, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
settings.configure(
    SECRET_KEY="a benchmark's",
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder + "/db.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    EMAIL_BACKEND="post_office.EmailBackend",
    EMAIL_HOST=host,
    EMAIL_PORT=port,
    POST_OFFICE={
        "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
        "THREADS_PER_PROCESS": 4,
        "BATCH_SIZE": 500,
    },
    LOGGING_CONFIG=None,
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from post_office import mail
from post_office.models import Email, STATUS, PRIORITY
line = "The quick brown fox jumps over the lazy dog, again and again and again.\\n"
text = (line * (size // len(line) + 1))[: max(1, size - 250)]
Email.objects.bulk_create(
    [
        Email(from_email="alice@example.org", to=["bob@example.net"], subject=f"number {n}", message=text,
              status=STATUS.queued, priority=PRIORITY.medium)
        for n in range(count)
    ],
    batch_size=500,
)
began, cpu = time.perf_counter(), time.process_time()
mail.send_queued_mail_until_done(lockfile=folder + "/lock")
print(json.dumps({
    "seconds": time.perf_counter() - began,
    "cpu": time.process_time() - cpu,
    "sent": Email.objects.filter(status=STATUS.sent).count(),
}))
"""


def send_phase(host: str, port: int, count: int, size: int) -> tuple[float, float]:
    """How long it takes to send so many queued messages, and how much of the processor: in seconds."""
    python = interpreter_with("django<6", "django-post-office")
    with tempfile.TemporaryDirectory() as folder:
        words = [str(python), "-c", _SCRIPT, host, str(port), str(count), str(size), folder]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=Path(folder))
    if done.returncode:
        raise SystemExit(f"django-post-office failed:\n{done.stderr[-2000:]}")
    outcome = json.loads(done.stdout.splitlines()[-1])
    if outcome["sent"] != count:
        raise SystemExit(f"django-post-office sent {outcome['sent']} of {count} messages.")
    return outcome["seconds"], outcome["cpu"]
