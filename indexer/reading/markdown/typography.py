"""What CommonMark does not know of Japanese: emphasis beside brackets, lines without spaces."""

from __future__ import annotations

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.emphasis import tokenize as emphasis
from markdown_it.rules_inline.strikethrough import tokenize as strikethrough
from markdown_it.token import Token

Rule = Callable[[StateInline, bool], bool]
_CJK = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u30ff\uac00-\ud7af]")
_URL_END = re.compile(
    "[\u3000-\u3003\u3008-\u3011\u3014-\u301f\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f]"
)


def japanese_plugin(md: MarkdownIt) -> None:
    """Add the rules."""
    md.inline.ruler.at("emphasis", _friendly(emphasis))
    md.inline.ruler.at("strikethrough", _friendly(strikethrough))
    md.core.ruler.push("japanese-lines", _join_lines)
    md.core.ruler.push("url-ends", _cut_urls)


def _friendly(tokenize: Rule) -> Rule:
    """The rule, but a Japanese character beside a delimiter counts as a word boundary.

    In ``**「返品」**は`` the closing marks follow a bracket and precede a letter, so CommonMark
    does not take them as closing (https://github.com/tats-u/markdown-cjk-friendly).
    """

    def rule(state: StateInline, silent: bool) -> bool:
        start = state.pos
        first = len(state.delimiters)
        if not tokenize(state, silent):
            return False
        if len(state.delimiters) > first and state.src[start] != "_":
            opens, closes = _flanks(state.src, start, state.pos)
            for delimiter in state.delimiters[first:]:
                delimiter.open |= opens
                delimiter.close |= closes
        return True

    return rule


def _flanks(text: str, start: int, end: int) -> tuple[bool, bool]:
    """Whether a delimiter run may open and close, by a Japanese character beside it."""
    before, after = text[start - 1 : start] or " ", text[end : end + 1] or " "
    opens = not _is_space(after) and (not _is_punctuation(after) or bool(_CJK.match(before)))
    closes = not _is_space(before) and (not _is_punctuation(before) or bool(_CJK.match(after)))
    return opens, closes


def _is_space(char: str) -> bool:
    return isWhiteSpace(ord(char))


def _is_punctuation(char: str) -> bool:
    return isMdAsciiPunct(ord(char)) or isPunctChar(char)


def _join_lines(state: StateCore) -> None:
    """Remove line breaks between Japanese characters, where they are not spaces."""
    for token in state.tokens:
        children = token.children or []
        if any(child.type == "softbreak" for child in children):
            token.children = [
                child
                for at, child in enumerate(children)
                if child.type != "softbreak"
                or not (
                    _CJK.match(_last_char(children, at)) and _CJK.match(_next_char(children, at))
                )
            ]


def _last_char(children: list[Token], at: int) -> str:
    return next((child.content[-1] for child in reversed(children[:at]) if child.content), "")


def _next_char(children: list[Token], at: int) -> str:
    return next((child.content[0] for child in children[at + 1 :] if child.content), "")


def _cut_urls(state: StateCore) -> None:
    """End a bare URL at Japanese punctuation: ``https://example.com。次``."""
    for token in state.tokens:
        children = token.children or []
        for at, child in enumerate(children):
            if child.type != "link_open" or child.info != "auto":
                continue
            text, close = children[at + 1], children[at + 2]
            found = _URL_END.search(text.content)
            if not found or close.type != "link_close":
                continue
            rest = Token("text", "", 0, content=text.content[found.start() :], level=child.level)
            href = str(child.attrs.get("href", ""))
            cut = child.attrs["href"] = href[: len(href) - len(_encoded(rest.content))]
            text.content = text.content[: found.start()]
            children.insert(at + 3, rest)
            if not cut:
                child.hidden = True


def _encoded(text: str) -> str:
    from markdown_it.common.normalize_url import normalizeLink

    return normalizeLink(text)
