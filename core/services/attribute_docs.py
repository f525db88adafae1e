"""What a class says of its attributes: the strings that stand below them in its source.

pydantic can read them too (`use_attribute_docstrings`), but does so whenever the class is made: 20 ms of every start,
for a form that is seldom opened.
"""

from __future__ import annotations

import ast
import inspect
from functools import cache
from itertools import pairwise
from textwrap import dedent


@cache
def attribute_docs(described: type) -> dict[str, str]:
    """Attribute to its docstring, of those that have one (PEP 257).

    Raises:
        OSError: the source is not to be had.
    """
    (definition,) = ast.parse(dedent(inspect.getsource(described))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        attribute.target.id: inspect.cleandoc(below.value.value)
        for attribute, below in pairwise(definition.body)
        if isinstance(attribute, ast.AnnAssign)
        and isinstance(attribute.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
