"""Rows as scripts see them; what people list and what hand-offs are told is the same."""

from core.resources.json_rows import as_json, moment_in, plain, rfc3339

__all__ = ["as_json", "moment_in", "plain", "rfc3339"]
