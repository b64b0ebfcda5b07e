"""A text pasted from a word processor or a web page, as Markdown. Pure."""

from __future__ import annotations

import re
from typing import Any

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

MAX_PASTED = 2 * 1024 * 1024
_NO_TEXT = (
    *("img", "script", "style", "svg", "object", "iframe", "meta", "link", "title", "head"),
    *("template", "noscript"),
)
_PAST_TAGS = re.compile(r"<[^<>]{0,10000}>")


def markdown_of(markup: str) -> str:
    """Pasted HTML as Markdown, without pictures, scripts and links that run something.

    A text that is nested too deeply comes as plain text.
    """
    soup = BeautifulSoup(markup, "html.parser")
    for element in soup(_NO_TEXT):
        element.decompose()
    try:
        return _Pasted(heading_style="ATX", bullets="-").convert_soup(soup).strip()
    except RecursionError:
        return _PAST_TAGS.sub(" ", markup).strip()


class _Pasted(MarkdownConverter):
    """Markdown of what was pasted."""

    def convert_a(self, el: Any, text: str, parent_tags: Any) -> str:
        """A link, if it leads to a page or an address."""
        href = (el.get("href") or "").strip()
        leads = re.match(r"(?i)(?:https?://|mailto:|tel:|/|\./|\.\./)", href)
        return str(super().convert_a(el, text, parent_tags)) if leads else text  # type: ignore[misc]

    def convert_td(self, el: Any, text: str, parent_tags: Any) -> str:
        """A cell, whose bars are no borders."""
        return str(super().convert_td(el, text.replace("|", "\\|"), parent_tags))  # type: ignore[misc]

    def convert_th(self, el: Any, text: str, parent_tags: Any) -> str:
        """A heading cell, whose bars are no borders."""
        return str(super().convert_th(el, text.replace("|", "\\|"), parent_tags))  # type: ignore[misc]
