"""Obsidian's syntax: [[links]], ![[embeds]], ==marks== and image sizes."""

from __future__ import annotations

import re
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from indexer.reading.link_targets import WIKI

_WIKI = re.compile(r"(!?)\[\[([^\[\]\n]++)\]\]")
_MARK = re.compile(r"==(?=[^\s=])([^=\n]*+)==(?!=)")
_SIZE = re.compile(r"\A(.*?)\|?(\d{1,4})(?:x(\d{1,4}))?\Z", re.DOTALL)
_IMAGE = re.compile(r"\.(?:png|jpe?g|gif|webp|avif|svg)\Z", re.IGNORECASE)


def obsidian_plugin(md: MarkdownIt) -> None:
    """Add the rules."""
    md.inline.ruler.before("link", "wiki-link", _wiki_link)
    md.inline.ruler.before("emphasis", "mark", _mark)
    md.inline.add_terminator_char("=")
    md.core.ruler.after("inline", "image-sizes", _image_sizes)


def _wiki_link(state: StateInline, silent: bool) -> bool:
    found = _WIKI.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    target, _, label = found[2].partition("|")
    target = target.rstrip("\\").strip()
    name, _, anchor = target.partition("#")
    if not target or (name.startswith("_TOC") or name.lower() == "toc"):
        return False
    if silent:
        state.pos = found.end()
        return True
    if found[1] and _IMAGE.search(name):
        _embedded_image(state, name, label)
    else:
        shown = label.strip() or target.lstrip("#").replace("#", " > ")
        opened = state.push("link_open", "a", 1)
        opened.attrs = {"href": f"{WIKI}{quote(name)}" + (f"#{quote(anchor)}" if anchor else "")}
        if not name:
            opened.attrs["href"] = f"#{quote(anchor)}"
        state.push("text", "", 0).content = shown
        state.push("link_close", "a", -1)
    state.pos = found.end()
    return True


def _embedded_image(state: StateInline, name: str, label: str) -> None:
    token = state.push("image", "img", 0)
    alt, size = ("", label.strip()) if _is_size(label) else (label.strip(), "")
    token.attrs = {"src": WIKI + quote(name), "alt": ""}
    token.children, token.content = [], f"{alt}|{size}" if size else alt
    if alt:
        token.children = [Token("text", "", 0, content=alt)]


def _is_size(label: str) -> bool:
    return bool(re.fullmatch(r"\d{1,4}(?:x\d{1,4})?", label.strip()))


def _mark(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "=":
        return False
    found = _MARK.match(state.src, state.pos, state.posMax)
    if not found or found[1][-1:].isspace():
        return False
    if not silent:
        after, end = state.pos, state.posMax
        state.push("mark_open", "mark", 1)
        state.pos, state.posMax = found.start(1), found.end(1)
        state.md.inline.tokenize(state)
        state.pos, state.posMax = after, end
        state.push("mark_close", "mark", -1)
    state.pos = found.end()
    return True


def _image_sizes(state: StateCore) -> None:
    """``![alt|300](a.png)`` is 300 pixels wide."""
    for token in state.tokens:
        for child in token.children or []:
            if child.type != "image" or "|" not in child.content:
                continue
            found = _SIZE.match(child.content)
            if found and found[1].count("|") == 0:
                child.attrs |= {"width": found[2]} | ({"height": found[3]} if found[3] else {})
                child.content = found[1].strip()
                child.children = [c for c in child.children or [] if c.type == "text"][:1]
                if child.children:
                    child.children[0].content = child.content
