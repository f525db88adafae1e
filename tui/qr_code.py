"""QR codes in characters, for a telephone's camera before a terminal."""

from __future__ import annotations

from functools import lru_cache

QUIET = 2
"""Light modules around it; the standard asks for four, cameras are content with two where the ground is light."""


@lru_cache(maxsize=8)
def modules(text: str) -> tuple[tuple[bool, ...], ...]:
    """The rows of the code with its quiet zone; true is dark."""
    import segno  # late: only who signs in needs it

    # The least correction gives the smallest code: a screen has no scratches.
    code = segno.make(text, error="l", micro=False, boost_error=False)
    return tuple(tuple(bool(module) for module in row) for row in code.matrix_iter(border=QUIET))


def in_half_blocks(text: str, *, dark_is_ink: bool = True) -> list[str]:
    """Two rows of modules a line: 17 lines of 33 cells for a short address.

    Args:
        text: what the camera reads.
        dark_is_ink: whether the characters are drawn dark on light; on a dark terminal, where they are light on dark,
            the light modules are drawn instead.
    """
    rows = [[module == dark_is_ink for module in row] for row in modules(text)]
    if len(rows) % 2:
        rows.append([not dark_is_ink] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_BLOCKS[above, below] for above, below in zip(*pair, strict=True)) for pair in pairs]


def in_ascii(text: str, *, dark_is_ink: bool = False) -> list[str]:
    """One row of modules a line, two characters each: more lines than a small terminal has, in ASCII alone."""
    return ["".join("##" if module == dark_is_ink else "  " for module in row) for row in modules(text)]


_BLOCKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
