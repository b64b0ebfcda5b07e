"""Attributes in braces, as Python-Markdown, kramdown and Pandoc read them, and anchors of headings.

    ## Heading {#id}      {: .class }  on the last line of a paragraph      ![alt](a.png){width=300}

Text in braces that is no attribute stays as it is.
"""

from __future__ import annotations

import re
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from indexer.model import TocEntry

_ATTRIBUTE = re.compile(
    r"(?<![ \t])[ \t]*+(?:#(?P<id>[^\s{}#\"'=]++)|\.(?P<name>[\w-]++)"
    r"|(?<![\w-])(?P<key>[A-Za-z][\w-]*+)=(?:\"(?P<quoted>[^\"{}]*+)\"|'(?P<single>[^'{}]*+)'|(?P<bare>[^\s{}\"']++)))"
)
_AT_END = re.compile(r"(?<![ \t])[ \t]*+\{:?([^{}\n]*+)\}[ \t]*+\Z")
_AT_START = re.compile(r"\{:?([^{}\n]*+)\}")
_BLOCK_ID = re.compile(r"(?:\A|[ \t])\^([A-Za-z0-9-]++)\Z")
_AFTER = ("link_close", "image", "code_inline", "em_close", "strong_close")
_SHOWN = (2, 3, 4)


def attribute_plugin(md: MarkdownIt) -> None:
    """Add the rules for attributes and the ids of headings."""
    md.core.ruler.after("block", "block-attributes", _blocks)
    md.core.ruler.after("text_join", "inline-attributes", _inlines)
    md.core.ruler.push("heading-ids", _headings)


def attributes_in(text: str) -> dict[str, str] | None:
    """Read ``#id .class key=value``; None if there is anything else."""
    found: dict[str, str] = {}
    at, text = 0, text.rstrip()
    while at < len(text):
        match = _ATTRIBUTE.match(text, at)
        if not match:
            return None
        if match["id"]:
            found["id"] = match["id"]
        elif match["name"]:
            found["class"] = f"{found.get('class', '')} {match['name']}".strip()
        else:
            found[match["key"].lower()] = match["quoted"] or match["single"] or match["bare"] or ""
        at = match.end()
    return found or None


def _take(token: Token, found: dict[str, str]) -> None:
    for name, value in found.items():
        if name == "class":
            token.attrJoin("class", value)
        else:
            token.attrSet(name, value)


def _blocks(state: StateCore) -> None:
    """``{#id}`` behind a heading, ``{: .class }`` as the last line of a paragraph."""
    for opening, inline in pairwise(state.tokens):
        if inline.type != "inline":
            continue
        if opening.type in ("heading_open", "th_open", "td_open", "dt_open"):
            _from_end(opening, inline)
        elif opening.type == "paragraph_open" and not opening.hidden:
            before, newline, last = inline.content.rpartition("\n")
            match = _AT_END.fullmatch(last)
            found = attributes_in(match[1]) if match else None
            if found and newline:
                inline.content = before
                _take(opening, found)
        if opening.type == "paragraph_open" and (block_id := _BLOCK_ID.search(inline.content)):
            inline.content = inline.content[: block_id.start()]
            opening.attrSet("id", f"^{block_id[1]}")


def _from_end(opening: Token, inline: Token) -> None:
    match = _AT_END.search(inline.content)
    found = attributes_in(match[1]) if match else None
    if match and found:
        inline.content = inline.content[: match.start()]
        _take(opening, found)


def _inlines(state: StateCore) -> None:
    """``{width=300}`` right behind a link, image, code or emphasis."""
    for token in state.tokens:
        children = token.children or []
        for at, (child, after) in enumerate(pairwise(children)):
            if child.type not in _AFTER or after.type != "text":
                continue
            while match := _AT_START.match(after.content):
                found = attributes_in(match[1])
                if not found:
                    break
                after.content = after.content[match.end() :]
                _take(_opening(children, at), found)


def _opening(children: list[Token], at: int) -> Token:
    """The token that opens what ``at`` closes."""
    depth = 0
    for number in range(at, -1, -1):
        depth -= children[number].nesting
        if depth == 0:
            return children[number]
    return children[at]


# --- ids of headings ---


def _headings(state: StateCore) -> None:
    """Give each heading an id, and keep the table of contents in ``env``."""
    import pymdownx.slugs

    slug = pymdownx.slugs.slugify(case="lower", normalize="NFKC")
    used = {str(token.attrs["id"]) for token in state.tokens if "id" in token.attrs}
    toc: list[TocEntry] = []
    for opening, inline in pairwise(state.tokens):
        if opening.type != "heading_open":
            continue
        title = " ".join(text_of(inline).split())
        if "id" not in opening.attrs:
            opening.attrSet("id", _unused(slug(title, "-"), used))
        if int(opening.tag[1]) in _SHOWN and opening.level == 0:
            toc.append(TocEntry(str(opening.attrs["id"]), title, int(opening.tag[1])))
    state.env["toc"] = toc


def _unused(name: str, used: set[str]) -> str:
    """The name, or the first of name_1, name_2 ... that is free."""
    candidate, number = name, 0
    while candidate in used or not candidate:
        number += 1
        candidate = f"{name}_{number}"
    used.add(candidate)
    return candidate


def text_of(inline: Token) -> str:
    """The text of an inline token as readers see it."""
    parts = []
    for child in inline.children or []:
        if child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type == "image" or child.type in ("text", "code_inline", "text_special"):
            parts.append(child.content)
    return "".join(parts)
