"""QR codes in characters: the same modules as the library's, in no more room than a small terminal has."""

import pytest

from tui import qr_code

DEVICE_PAGES = (
    "https://microsoft.com/devicelogin",
    "https://login.microsoft.com/device",
    "https://www.google.com/device",
)


@pytest.mark.parametrize("dark_is_ink", [True, False])
@pytest.mark.parametrize("text", DEVICE_PAGES)
def test_half_blocks_hold_every_module(text: str, dark_is_ink: bool) -> None:
    above = {"█": True, "▀": True, "▄": False, " ": False}
    below = {"█": True, "▀": False, "▄": True, " ": False}
    rows = []
    for line in qr_code.in_half_blocks(text, dark_is_ink=dark_is_ink):
        rows += [[above[one] == dark_is_ink for one in line], [below[one] == dark_is_ink for one in line]]
    wanted = [list(row) for row in qr_code.modules(text)]
    assert rows[: len(wanted)] == wanted
    assert not any(any(row) for row in rows[len(wanted) :])  # a last half line is light


@pytest.mark.parametrize("text", DEVICE_PAGES)
def test_it_fits_a_small_terminal_with_a_light_margin(text: str) -> None:
    lines = qr_code.in_half_blocks(text)
    assert len(lines) <= 18
    assert {len(line) for line in lines} in ({29}, {33}, {37})
    assert lines[0].strip() == ""
    assert all(line.startswith("  ") and line.endswith("  ") for line in lines)


def test_ascii_is_ascii_and_as_high_as_wide() -> None:
    lines = qr_code.in_ascii("https://microsoft.com/devicelogin")
    assert all(line.isascii() and len(line) == 2 * len(lines) for line in lines)
