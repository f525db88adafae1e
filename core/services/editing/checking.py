"""Everything that is wrong with a draft, at once."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session

from core.errors import Problem
from core.services.editing.drafts import Draft, incomplete, taken
from core.services.editing.guards import Guards
from core.services.references import dangling


def problems_of(session: Session, guards: Guards, draft: Draft, found: Iterable[Problem] = ()) -> list[Problem]:
    """All problems of a draft, one a field: what was found on reading, then what only the whole shows."""
    problems = list(found)
    problems += incomplete(draft, [problem.field for problem in problems])
    complaints = dangling(session, draft.kind, draft.values)
    problems += [draft.problem(name, text) for name, text in complaints.items()]
    problems += taken(session, draft)
    named = {problem.field for problem in problems}
    return problems + [problem for problem in guards.judge(session, draft) if problem.field not in named]
