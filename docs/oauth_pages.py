"""Writes what docs/oauth-office365.md and docs/oauth-gmail.md share with the program: steps, fields, errors.

python docs/oauth_pages.py
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from core.oauth.aadsts import CODES
from core.oauth.problems import GOOGLE, GOOGLE_SUBTYPES, WORDS
from core.oauth.remedies import Kind, Remedy
from core.resources.methods import method_of
from core.resources.profile import PROFILE

PAGES = tuple(Path(__file__).with_name(name) for name in ("oauth-office365.md", "oauth-gmail.md"))

_BLOCK = re.compile(r"(<!-- begin: ([^>]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TURN = {Kind.APP: "an administrator's", Kind.PERSON: "the owner's", Kind.LATER: "nobody's"}
_SAMPLES = {
    "profile": "*profile*", "client": "*client id*", "tenant": "*tenant id*", "method": "*method*",
    "scopes": "the permissions", "name": "account *name*", "user": "*user name*",
    "cure": "Sign in again: `postroom oauth login account` *name*", "said": "*(the provider's words)*",
}  # fmt: skip


def written(text: str) -> str:
    """A page with its blocks as the program has them now."""

    def block(found: re.Match[str]) -> str:
        kind, _, what = found[2].partition(" ")
        return f"{found[1]}{_BLOCKS[kind](what)}\n{found[3]}"

    return _BLOCK.sub(block, text)


def _steps(what: str) -> str:
    method = method_of(*what.split())
    if method is None:
        raise ValueError(f"There is no method {what}.")
    warning = f"**{method.retired}**\n\n" if method.retired else ""
    shown = [PROFILE.field(name) for name in method.fields]
    fields = ", ".join(
        f"{one.label}{'*' if one.name in method.needed else ''} (`{one.name}`)" for one in shown if one is not None
    )
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(method.steps, 1))
    return (
        f"{warning}Fields of the profile (*: needed): {fields}. The account or mailbox adds {method.login}.\n\n{steps}"
    )


def _errors(provider: str) -> str:
    tables: Mapping[str, Remedy] = (
        {f"AADSTS{code}": remedy for code, remedy in CODES.items()}
        if provider == "microsoft"
        else GOOGLE | GOOGLE_SUBTYPES
    )
    if provider == "standard":
        tables = WORDS
    lines = ["| the provider says | what it means, and what to do | whose turn |", "|---|---|---|"]
    for remedy, codes in _by_remedy(tables).items():
        told = _in_samples(remedy.text)
        if remedy.for_ropc:
            told += f" With user name and password: {remedy.for_ropc}"
        lines.append(f"| {', '.join(codes)} | {told} | {_TURN[remedy.kind]} |")
    return "\n".join(lines)


def _by_remedy(table: Mapping[str, Remedy]) -> dict[Remedy, list[str]]:
    found: dict[Remedy, list[str]] = {}
    for code, remedy in table.items():
        found.setdefault(remedy, []).append(f"`{code}`")
    return found


def _in_samples(text: str) -> str:
    told = re.sub(r"\{(\w+)(?:![rs])?\}", lambda found: _SAMPLES[found[1]], text)
    return (told[:1].upper() + told[1:]).replace("|", "\\|")


_BLOCKS: dict[str, Callable[[str], str]] = {"steps": _steps, "errors": _errors}


def main() -> None:
    """Write them."""
    for page in PAGES:
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
