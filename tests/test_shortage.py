"""What is used up is told as that."""

import errno
import subprocess
import sys

import pytest

from core.shortage import NO_MEMORY, NO_THREAD, TOO_MANY_FILES, shortage_of
from tests.waiting import PATIENCE


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), NO_MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), NO_MEMORY),
        (OSError(errno.EMFILE, "Too many open files"), TOO_MANY_FILES),
        (OSError(errno.ENFILE, "Too many open files in system"), TOO_MANY_FILES),
        (RuntimeError("can't start new thread"), NO_THREAD),
        (RuntimeError("dictionary changed size during iteration"), None),
        (OSError(errno.ENOSPC, "No space left on device"), None),
        (LookupError("x"), None),
    ],
)
def test_each_has_its_sentence_and_other_faults_have_none(error: Exception, said: str | None) -> None:
    shortage = shortage_of(error)
    assert (str(shortage) if shortage else None) == said
    assert shortage is None or (shortage.exit_code == 75 and not shortage.is_permanent)


def test_a_host_is_named_for_tls_when_no_file_can_be_opened() -> None:
    """Python keeps in mind that a codec was not there, and would not look for it again."""
    program = (
        "import resource, ssl; import core.protocols.tls; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3)); "
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); "
        "context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname='mail.example.org')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)


def test_who_takes_messages_alone_lives_with_less_memory_than_it_would_be_given() -> None:
    program = (
        "import resource; from core.inbound.run.alone import limit_myself; "
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)); limit_myself(); "
        "assert resource.getrlimit(resource.RLIMIT_AS) == (2 << 30, 2 << 30)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)


def test_authorities_that_could_not_be_read_for_lack_of_files_are_not_remembered_as_none() -> None:
    program = """if True:
        import resource
        from core.errors import Unreachable
        from core.protocols.tls import TlsTrust, context_for
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            context_for(TlsTrust())
        except Unreachable as error:
            assert not error.is_permanent
        else:
            raise SystemExit("a context was made")
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        context_for(TlsTrust())
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)
