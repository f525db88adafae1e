"""A worker tells what a pass came to; who asked reads the same."""

from core.outbound.sending.fault import Fault
from core.outbound.sending.summary import Summary
from core.workers.delivered import read_summary, told_summary


def test_counts_and_faults_come_over() -> None:
    summary = Summary(
        sent=3, deferred=1, seconds=0.25, faults={"out": Fault("refused", "login", is_configuration=True)}
    )

    told = read_summary(told_summary(summary))

    assert told.as_dict() == summary.as_dict()
    assert (told.faults["out"].text, told.faults["out"].is_configuration) == ("refused", True)


def test_many_long_faults_fit_into_an_event() -> None:
    faults = {f"mailbox {number}": Fault("x" * 1000, "login") for number in range(50)}

    assert len(told_summary(Summary(faults=faults))) < 1000
