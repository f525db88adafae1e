"""The filter grammar: what a person types into a filter box or after `list KIND`, and its one translation to SQL.

Words are ANDed over all columns, case-insensitively. `column:word` looks in one column, `-word` excludes, quotes keep
words together: `queue:support -state:closed "printer on fire"`. A column of times is looked in by its name
alone, for a part of time: `received:2026-11-17`, `-created:yesterday`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    String,
    UnaryExpression,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    true,
)  # fmt: skip
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from core import clock
from core.models.base import UtcDateTime
from core.named_times import named_span

# "queue:" while the rest is still being typed.
_UNFINISHED = re.compile(r"([A-Za-z_]\w*):")
_TOKEN = re.compile(r'(-?)(?:([A-Za-z_]\w*):)?(?:"([^"]*)"?|(\S+))')


@dataclass(frozen=True)
class Term:
    """One word of a filter."""

    word: str
    """Empty while only the column has been typed: then every row is found."""
    column: str = ""
    """The column it must stand in; empty: any."""
    is_excluded: bool = False


@dataclass(frozen=True)
class Filter:
    """A filter as it was typed, taken apart."""

    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)


def read_filter(text: str) -> Filter:
    """Take a filter text apart; whatever was typed means something, so this never fails."""
    terms = []
    for dash, column, quoted, bare in _TOKEN.findall(text):
        word = quoted or bare
        if unfinished := _UNFINISHED.fullmatch(bare):
            terms.append(Term("", unfinished[1].lower(), bool(dash)))
        elif word:
            terms.append(Term(word, column.lower(), bool(dash)))
    return Filter(tuple(terms))


def named(wanted: Filter, names: Mapping[str, str]) -> Filter:
    """A filter with columns by their own names, given what else they may be called."""
    return Filter(tuple(replace(term, column=names.get(term.column, term.column)) for term in wanted.terms))


def condition(
    wanted: Filter,
    columns: Mapping[str, ColumnElement[object]],
    times: Mapping[str, ColumnElement[datetime]] | None = None,
) -> ColumnElement[bool]:
    """The SQL condition of a filter over these columns and times; names that are neither are looked for as text."""
    times = times or {}
    texts = {name: as_text(column) for name, column in columns.items()}
    conditions: list[ColumnElement[bool]] = []
    for term in wanted.terms:
        if not term.word and (term.column in texts or term.column in times):
            continue
        found = _within(times[term.column], term.word) if term.column in times else _found(term, texts)
        conditions.append(not_(found) if term.is_excluded else found)
    return and_(true(), *conditions)


def as_text(column: ColumnElement[object]) -> ColumnElement[str]:
    """A column as the text a filter looks in; never NULL, so that an exclusion keeps rows without a value."""
    if isinstance(column.type, Boolean):
        return case((column, "yes"), else_="no")
    text = column if isinstance(column.type, String) else cast(column, String)
    return func.coalesce(text, "")


def _within(column: ColumnElement[datetime], word: str) -> ColumnElement[bool]:
    span = named_span(word, clock.utcnow().astimezone())
    if span is None:
        return false()
    begin, end = literal(span.begin, UtcDateTime()), literal(span.end, UtcDateTime())
    return and_(column.is_not(None), column >= begin, column < end)  # never NULL, so that it can be excluded


def _found(term: Term, texts: Mapping[str, ColumnElement[str]]) -> ColumnElement[bool]:
    if term.column in texts:
        return _contains(texts[term.column], term.word)
    word = f"{term.column}:{term.word}" if term.column else term.word
    return or_(false(), *(_contains(text, word) for text in texts.values()))


def _contains(text: ColumnElement[str], word: str) -> ColumnElement[bool]:
    if word.isascii():
        return _FoldedAsAscii(text).icontains(word, autoescape=True)
    # SQLite folds the case of ASCII alone: other letters are looked for in the forms people write.
    forms = {word, word.lower(), word.upper(), word.capitalize()}
    return or_(*(text.icontains(form, autoescape=True) for form in sorted(forms)))


class _FoldedAsAscii(UnaryExpression[str]):
    """A text of which only the case of ASCII is folded, which is all there is on SQLite.

    PostgreSQL would fold by the rules of its locale, letter by letter: two and a half times the time of all.
    """

    inherit_cache = True

    def __init__(self, text: ColumnElement[str]) -> None:
        super().__init__(text, type_=text.type)


@compiles(_FoldedAsAscii)
def _as_it_is(element: _FoldedAsAscii, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.element, **options)


@compiles(_FoldedAsAscii, "postgresql")
def _collated(element: _FoldedAsAscii, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.element, **options)}) COLLATE "C"'
