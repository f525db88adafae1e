"""HTML to the text it says. Nothing is fetched, and no layout costs more than its text."""

import html as entities
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from core.text import REPLACEMENT, clean

if TYPE_CHECKING:
    from inscriptis.model.config import ParserConfig

LONGEST_LAYOUT = 128 * 1024
"""Characters of HTML that are laid out; a longer page has its tags stripped, which takes a tenth of the time."""

_TAG = re.compile(
    r"<(?:!--.*?(?:-->|\Z)|(?P<closes>/?)(?P<name>[A-Za-z][A-Za-z0-9]*+)[^<>]*+>?|[!?/][^<>]*+>?)", re.DOTALL
)
_HIDDEN = frozenset({"script", "style", "head", "title", "template"})
_BREAKS = frozenset({"address", "br", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p", "pre", "table", "tr"})
_HIDING_STYLE = re.compile(r"display\s{0,9}:\s{0,9}none", re.IGNORECASE)
_EMPTY_LINES = re.compile(r"\n{3,}")
# No character has so high a number, and of one with thousands of digits Python makes no number but an error.
_NO_CHARACTER = re.compile(r"&#[0-9]{10,};?")


def html_to_text(html: str, *, longest_layout: int = LONGEST_LAYOUT) -> str:
    """The readable text of an HTML body, links with their true target."""
    source = clean(html, multiline=True)
    if len(source) > longest_layout:
        return tidy_lines(strip_tags(source))
    try:
        # Below 255 levels the parser sees nothing: an empty page may be a deep one.
        text = _rendered(source).strip() or strip_tags(source)
    # Foreign code on foreign input may raise whatever it likes; the text must be readable all the same.
    except Exception:  # noqa: BLE001
        text = strip_tags(source)
    return tidy_lines(text)


def strip_tags(html: str) -> str:
    """The text between the tags, in one pass: what is left when the page cannot be laid out."""
    kept: list[str] = []
    hidden_by = ""
    position = 0
    for tag in _TAG.finditer(html):
        if not hidden_by:
            kept.append(html[position : tag.start()])
        position = tag.end()
        name = (tag["name"] or "").lower()
        if not hidden_by and name in _HIDDEN and not tag["closes"]:
            hidden_by = name
        elif hidden_by and name == hidden_by and tag["closes"]:
            hidden_by = ""
        elif name in _BREAKS:
            kept.append("\n")
    if not hidden_by:
        kept.append(html[position:])
    return clean(entities.unescape(_NO_CHARACTER.sub(REPLACEMENT, "".join(kept))), multiline=True)


def tidy_lines(text: str) -> str:
    """The text without white space at the ends of its lines and without more than one empty line in a row."""
    lines = "\n".join(line.rstrip() for line in clean(text, multiline=True).split("\n"))
    return _EMPTY_LINES.sub("\n\n", lines).strip("\n")


def _rendered(html: str) -> str:
    # Takes 60 ms to import; only who reads an HTML body pays for it.
    from inscriptis import get_text

    text: str = get_text(html, _configuration())
    return text


@cache
def _configuration() -> "ParserConfig":
    """Inscriptis with what a sender could blow up taken out: tables as grids, and margins in numbers."""
    from inscriptis.css_profiles import STRICT_CSS_PROFILE
    from inscriptis.html_properties import Display
    from inscriptis.model.config import ParserConfig
    from inscriptis.model.html_element import HtmlElement
    from inscriptis.model.tag import CustomHtmlTagHandlerMapping

    def hide(style: str, element: HtmlElement) -> None:
        if _HIDING_STYLE.search(style):
            element.display = Display.none

    def nothing(*_: Any) -> None:
        return None

    def separate(state: Any) -> None:
        state.tags[-1].write(" ")

    # Room for the bullet and no more: fifty lists in lists would else indent each line by a screen's width.
    lists = HtmlElement(display=Display.block, padding_inline=2)
    css = STRICT_CSS_PROFILE | {
        "ul": lists,
        "ol": lists,
        "table": HtmlElement(display=Display.block),
        "tr": HtmlElement(display=Display.block),
        "template": HtmlElement(display=Display.none),
    }
    # A grid pads each cell to the widest of its column: one long cell among ten thousand short ones is a gigabyte.
    plain_cells = CustomHtmlTagHandlerMapping(
        start_tag_mapping=dict.fromkeys(("table", "tr", "td", "th"), nothing),
        end_tag_mapping={"table": nothing, "td": separate, "th": separate},
    )
    configuration = ParserConfig(css=css, display_links=True, custom_html_tag_handler_mapping=plain_cells)
    configuration.attribute_handler.attribute_mapping = {"style": hide}
    return configuration
