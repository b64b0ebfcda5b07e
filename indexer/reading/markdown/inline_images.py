"""Images in a line of text, such as the icon of a button: they do not break the line."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token


def inline_image_plugin(md: MarkdownIt) -> None:
    """Give images that share their line with text the class ``inline``."""
    # After the attributes, whose braces are no words.
    md.core.ruler.after("inline-attributes", "inline-images", _mark)


def _mark(state: StateCore) -> None:
    for token in state.tokens:
        line: list[Token] = []
        for child in token.children or []:
            if child.type in ("softbreak", "hardbreak"):
                _mark_line(line)
                line = []
            else:
                line.append(child)
        _mark_line(line)


def _mark_line(line: list[Token]) -> None:
    if not any(child.type in ("text", "code_inline") and child.content.strip() for child in line):
        return
    for child in line:
        if child.type == "image":
            child.attrJoin("class", "inline")
        elif child.type == "html_inline" and child.content[:5].lower() == "<img ":
            child.content = f'<img class="inline" {child.content[5:]}'
