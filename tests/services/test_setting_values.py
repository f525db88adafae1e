"""Settings by their dotted names: what holds, and what is said of what cannot."""

from typing import Any

import pytest

from core.services.setting_values import read_settings, unnested


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"fetch_slots": 0}, ["fetch_slots: 0 is less than 1."]),
        ({"roles.admins": 5}, ["roles.admins: 5 is no list."]),
        ({"roles.admins": "x" * 58}, [f"roles.admins: '{'x' * 58}' is no list."]),
        ({"roles.admins": "x" * 59}, ["roles.admins: this is no list."]),
        ({"fetch_slots": "abc"}, ["fetch_slots: 'abc' is no whole number."]),
        ({"idle_max": 1.5}, ["idle_max: 1.5 is no whole number."]),
        ({"listener.port": 65536}, ["listener.port: 65536 is more than 65535."]),
        ({"hold_all": "perhaps"}, ["hold_all: 'perhaps' is neither true nor false."]),
        ({"default_queue": 5}, ["default_queue: 5 is no text."]),
        ({"retry.uncertain": "drop"}, ["retry.uncertain: 'drop' is not one of 'retry' or 'hold'."]),
        ({"retry.first": "soon"}, ["retry.first: 'soon' is no duration: write it as 90s, 10m, 2h or 5d."]),
        ({"fetchslots": 1}, ["fetchslots: is no setting. Did you mean fetch_slots?"]),
        ({"zzz": 1}, ["zzz: is no setting."]),
        ({"alerts.to": ["x@"]}, ["alerts.to: The address 'x@' is not of the form name@domain."]),
        # Each once, and all of them.
        ({"alerts.to": "x@"}, ["alerts.to: 'x@' is no list."]),
        (
            {"fetch_slots": 0, "staging_redirect": "x@"},
            [
                "fetch_slots: 0 is less than 1.",
                "staging_redirect: The address 'x@' is not of the form name@domain.",
            ],
        ),
        ({"record_labels": ["Nope"]}, ["record_labels: 'Nope' is not of the form Grievance.Category=Kategorie."]),
    ],
)
def test_what_cannot_hold_is_told_in_a_sentence(given: dict[str, Any], told: list[str]) -> None:
    settings, problems = read_settings({}, given, where="work.toml")
    assert settings is None
    assert [str(problem) for problem in problems] == [f"work.toml: {one}" for one in told]


@pytest.mark.parametrize(
    ("rows", "given", "slots"),
    [
        ({}, {}, 32),
        ({"fetch_slots": 7}, {}, 7),
        ({"fetch_slots": 7}, {"fetch_slots": 9}, 9),
        # Back to the default.
        ({"fetch_slots": 7}, {"fetch_slots": None}, 32),
        # What an older version or a package that has gone left behind disturbs nothing.
        ({"fetch_slots": 7, "of_old": 1, "record_labels": ["Gone.Field=x"]}, {}, 7),
    ],
)
def test_what_is_given_counts_before_what_is_stored(rows: dict[str, Any], given: dict[str, Any], slots: int) -> None:
    settings, problems = read_settings(rows, given)
    assert problems == []
    assert settings is not None
    assert settings.fetch_slots == slots


def test_only_tables_of_settings_become_dotted_names() -> None:
    given = {"retry": {"first": "1m"}, "unknown": {"a": 1}, "alerts": "x", "fetch_slots": 3}
    assert unnested(given) == {"retry.first": "1m", "unknown": {"a": 1}, "alerts": "x", "fetch_slots": 3}
