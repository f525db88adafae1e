"""Failpoints do what the environment orders, where and when it orders it, and else nothing."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.failpoints import FailpointReached, Failpoints, Order, read_orders
from tests.waiting import PATIENCE


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("", ()),
        ("K4:kill@3", (Order("K4", "kill", at=3),)),
        ("K9:raise", (Order("K9", "raise"),)),
        ("K2:sleep5, K9:raise@1", (Order("K2", "sleep", 5.0), Order("K9", "raise", at=1))),
        ("K2:sleep0.5@p0.05", (Order("K2", "sleep", 0.5, probability=0.05),)),
        ("K9/fetch:kill@2", (Order("K9", "kill", at=2, thread="fetch"),)),
    ],
)
def test_orders_are_read(text, orders):
    assert read_orders(text) == orders


@pytest.mark.parametrize("text", ["K4", "K4:explode", "K4:kill@", "K4:kill@x", "K4:sleep", "kill@3"])
def test_what_is_no_order_is_refused(text):
    with pytest.raises(ValueError, match="is no failpoint"):
        read_orders(text)


def test_raises_only_at_the_ordered_passing_of_the_ordered_place():
    failpoints = Failpoints(read_orders("K9:raise@2"))
    failpoints.passing("K9")
    failpoints.passing("K8")
    with pytest.raises(FailpointReached, match="K9"):
        failpoints.passing("K9")
    failpoints.passing("K9")


def test_only_the_threads_that_are_meant_are_counted():
    failpoints = Failpoints(read_orders("K9/fetch:raise@2"))
    with ThreadPoolExecutor(1, thread_name_prefix="fetch") as fetching:
        fetching.submit(failpoints.passing, "K9").result()
        failpoints.passing("K9")
        with pytest.raises(FailpointReached):
            fetching.submit(failpoints.passing, "K9").result()


def test_without_a_count_it_raises_each_time():
    failpoints = Failpoints(read_orders("K9:raise"))
    for _ in range(2):
        with pytest.raises(FailpointReached):
            failpoints.passing("K9")


@pytest.mark.parametrize(("ordered", "ended"), [("K1:kill@2", -signal.SIGKILL), ("K2:kill@1", 0), ("", 0)])
def test_the_environment_arms_a_process(ordered, ended):
    program = "from core.failpoints import fp; fp('K1'); fp('K1'); fp('K1')"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "POSTROOM_FAILPOINT": ordered}, timeout=PATIENCE
    )
    assert done.returncode == ended
