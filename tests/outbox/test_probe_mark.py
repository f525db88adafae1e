"""Marks of probes: nobody else can make one."""

from core.outbox.probe_mark import ALERT, PROBE, is_mark, new_mark


def test_a_mark_is_known_by_whoever_has_the_secret() -> None:
    mark = new_mark(b"secret")
    assert is_mark(b"secret", f" {mark} ")
    for wrong in ("", None, mark[:-1], mark.replace("-", ""), f"x{mark}", "é-é"):
        assert not is_mark(b"secret", wrong)
    assert not is_mark(None, mark)
    assert not is_mark(b"other", mark)


def test_a_mark_is_for_one_purpose() -> None:
    assert is_mark(b"secret", new_mark(b"secret", ALERT), ALERT)
    assert not is_mark(b"secret", new_mark(b"secret", ALERT), PROBE)
    assert not is_mark(b"secret", new_mark(b"secret"), ALERT)
