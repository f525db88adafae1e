"""Which version this is, without a look into the installed packages: that costs more than the answer."""

VERSION = "0.1.0"


def version() -> str:
    """The version of this program (a test holds it against `pyproject.toml`)."""
    return VERSION
