"""``*[KB]: knowledge base`` explains KB wherever it stands, as in Python-Markdown."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_DEFINITION = re.compile(r"\*\[([^\]\n]{1,80})\][ \t]*:[ \t]*([^\n]*)")


def abbreviation_plugin(md: MarkdownIt) -> None:
    """Add the rules."""
    md.block.ruler.before("reference", "abbreviation", _definition, {"alt": ["paragraph"]})
    md.core.ruler.after("inline", "abbreviations", _explain)


def _definition(state: StateBlock, start: int, _end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    found = _DEFINITION.fullmatch(line)
    if not found:
        return False
    if not silent:
        state.env.setdefault("abbreviations", {})[found[1]] = found[2].strip()
        state.line = start + 1
    return True


def _explain(state: StateCore) -> None:
    known: dict[str, str] = state.env.get("abbreviations", {})
    if not known:
        return
    names = sorted(known, key=len, reverse=True)
    pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, names)) + r")(?!\w)", re.ASCII)
    for token in state.tokens:
        if token.children:
            token.children = [
                part for child in token.children for part in _parts(child, pattern, known)
            ]


def _parts(child: Token, pattern: re.Pattern[str], known: dict[str, str]) -> list[Token]:
    if child.type != "text":
        return [child]
    parts, at = [], 0
    for found in pattern.finditer(child.content):
        parts += _text(child, at, found.start())
        parts.append(
            Token(
                "abbr",
                "abbr",
                0,
                content=found[0],
                attrs={"title": known[found[0]]},
                level=child.level,
            )
        )
        at = found.end()
    return [*parts, *_text(child, at, len(child.content))] if parts else [child]


def _text(child: Token, start: int, end: int) -> list[Token]:
    if start == end:
        return []
    return [Token("text", "", 0, content=child.content[start:end], level=child.level)]
