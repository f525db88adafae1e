"""The doctor at the drop folder."""

import os
from pathlib import Path

import pytest

from core import clock
from core.environment import Environment
from core.handin import hand_in
from core.mail.envelope import OutgoingEnvelope
from core.services.doctor.finding import Level
from core.services.doctor.ways_in import LONGEST_IN_DROP, drop_folder


@pytest.fixture
def lying(environment: Environment) -> Path:
    hand_in(environment, OutgoingEnvelope(("b@example.net",)), b"Subject: x\r\n\r\n")
    [path] = environment.drop.iterdir()
    return path


def test_what_was_just_handed_in_is_no_matter(environment: Environment, lying: Path) -> None:
    assert drop_folder(environment).level is Level.OK


def test_mail_that_nobody_picks_up_is_told(environment: Environment, lying: Path) -> None:
    then = clock.utcnow().timestamp() - LONGEST_IN_DROP.total_seconds() - 1
    os.utime(lying, (then, then))
    found = drop_folder(environment)
    assert (found.level, "1 message waits" in found.text) == (Level.WARNING, True)


def test_what_was_put_aside_is_counted_without_its_reasons(environment: Environment, lying: Path) -> None:
    aside = environment.drop / "refused"
    aside.mkdir()
    for name in ("1.mail", "1.mail.reason"):
        (aside / name).write_text("x")
    (environment.drop / ".refused-2.mail").write_text("x")
    found = drop_folder(environment)
    assert (found.level, found.text.partition(" ")[0]) == (Level.WARNING, "2")


def test_a_folder_that_is_not_there_holds_nothing(environment: Environment) -> None:
    assert drop_folder(environment).level is Level.OK
