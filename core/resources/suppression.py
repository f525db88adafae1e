"""Addresses that nothing is sent to for a while, described."""

from __future__ import annotations

from core.models import Suppression
from core.resources.expressions import columns_of
from core.resources.kind import Action, Column, ColumnType, Kind

_c = columns_of(Suppression)

SUPPRESSION = Kind(
    name="suppression",
    plural="suppressions",
    title="Suppressed",
    model=Suppression,
    key="address",
    group="System",
    description="Addresses whose mail came back for good; after two bounces they are held for 30 days.",
    columns=(
        Column("id", "Id", _c.id, ColumnType.NUMBER, is_filtered=False),
        Column("address", "Address", _c.address, width=26),
        Column("bounces", "Bounces", _c.bounces, ColumnType.NUMBER, width=7),
        Column("held_until", "Held until", _c.held_until, ColumnType.TIME, width=14, is_filtered=False),
        Column("last_text", "Last said", _c.last_text, width=24),
        Column("first_at", "First", _c.first_at, ColumnType.TIME, is_filtered=False),
        Column("last_at", "Last", _c.last_at, ColumnType.TIME, is_filtered=False),
    ),
    actions=(
        Action(
            "release",
            "l",
            "Release",
            "Send to it again, also what was held for it",
            asks="Send to these addresses again, and what was held for them now?",
        ),
    ),
    is_newest_first=True,
    # What was released is not forgotten, but nothing stands against it any more.
    conditions=(_c.bounces > 0,),
)
