"""The texts that forms show are those that stand in the source."""

from core.services.attribute_docs import attribute_docs
from core.services.setting_sections import Section
from core.settings import RetrySettings, RuntimeSettings


class _Described:
    first: int = 1
    """What the first is.

    In two paragraphs.
    """
    second: int = 2
    third: int = 3
    """What the third is."""


def test_each_attribute_has_the_text_below_it_and_no_other() -> None:
    assert attribute_docs(_Described) == {
        "first": "What the first is.\n\nIn two paragraphs.",
        "third": "What the third is.",
    }


def test_every_setting_is_explained() -> None:
    assert attribute_docs(RetrySettings).keys() == RetrySettings.model_fields.keys()
    assert all(field.help for field in Section("retry").kind.fields)
    assert attribute_docs(RuntimeSettings)["fetch_interval"]
