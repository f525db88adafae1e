"""Python's collector of circular garbage, told that a worker's modules are none and that batches come and go."""

from __future__ import annotations

import gc


def spare_the_collector() -> None:
    """Call once, when all is imported: to walk through all that, over and over, took a tenth of a pass's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
