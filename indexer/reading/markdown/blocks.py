"""Block syntax beyond CommonMark: admonitions, tabs, containers, alerts and callouts.

    !!! note "Title"     ??? note "Title"     === "Tab"        Python-Markdown, MkDocs Material
    :::note Title        ::: details Title    ::: code-group   Docusaurus, VitePress
    > [!NOTE]            > [!tip]- Title                       GitHub, Obsidian

All become the same elements: ``div.admonition``, ``details`` and ``div.tabbed-set``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from indexer.reading.markdown.converted import Note

_PARAGRAPH_ENDS: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
_ADMONITION = re.compile(r"\A(!!!|\?\?\?\+?)[ \t]*+([A-Za-z][\w-]*+)([^\n]*+)")
_TAB = re.compile(r"\A===[!+]?[ \t]++\"([^\"\n]*+)\"[ \t]*+\Z")
_CONTAINER = re.compile(r"\A(:{2,}+)[ \t]*+([A-Za-z][\w-]*+)([^\n]*+)")
_CONTAINER_END = re.compile(r"\A(:{2,}+)[ \t]*+\Z")
_TITLE_ATTRIBUTE = re.compile(r"\b(?:title|label|summary)=(\"[^\"]*+\"|'[^']*+'|[^\s\"']++)")
_CALLOUT = re.compile(r"\A\[!([A-Za-z][\w-]*+)(?:\|[\w|-]*+)?\]([+-]?)[ \t]*+([^\n]*+)(?:\n|\Z)")
_PLACES = ("inline", "end", "left", "right")
_CODE_LABEL = re.compile(r"\[([^\[\]\n]++)\]")

# What other tools call the kinds that the style sheet knows.
_KINDS = {
    "info": "note", "abstract": "note", "summary": "note", "tldr": "note", "todo": "note",
    "example": "note", "quote": "note", "cite": "note", "seealso": "note", "secondary": "note",
    "question": "note", "help": "note", "faq": "note",
    "hint": "tip", "success": "tip", "check": "tip", "done": "tip",
    "attention": "warning", "caution": "warning",
    "error": "danger", "bug": "danger", "failure": "danger", "fail": "danger", "missing": "danger",
}  # fmt: skip
_TITLES = {
    "ja": {
        "note": "補足", "info": "情報", "tip": "ヒント", "hint": "ヒント", "important": "重要",
        "warning": "警告", "attention": "注意", "caution": "注意", "danger": "危険",
        "error": "エラー", "success": "完了", "example": "例", "question": "質問",
        "summary": "要約", "abstract": "要約", "details": "詳細", "quote": "引用",
        "todo": "やること", "failure": "失敗", "bug": "不具合",
    },
}  # fmt: skip
_PLAIN = ("raw", "div", "tabs", "tab", "row", "column", "columns", "center", "code-group")
_FOLDED = "details"
_CONTAINERS = {*_KINDS, *_TITLES["ja"], _FOLDED, "danger"}


def block_plugin(md: MarkdownIt) -> None:
    """Add the block rules and their renderers."""
    ruler = md.block.ruler
    ruler.before("fence", "tab", _tab, _PARAGRAPH_ENDS)
    ruler.before("fence", "admonition", _admonition, _PARAGRAPH_ENDS)
    ruler.before("fence", "container", _container, _PARAGRAPH_ENDS)
    md.core.ruler.after("block", "callouts", _callouts)
    md.core.ruler.after("callouts", "tab-sets", _tab_sets)


def title_of(kind: str, lang: str) -> str:
    """The title of an admonition that has none of its own."""
    return _TITLES.get(lang, {}).get(kind, kind.replace("-", " ").capitalize())


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


# --- indented blocks: admonitions and tabs ---


def _end_of_indented(state: StateBlock, start: int, end: int) -> int:
    """The line after the last one that is indented by four columns more than ``start``."""
    wanted, last = state.sCount[start] + 4, start + 1
    for line in range(start + 1, end):
        if state.isEmpty(line):
            continue
        if state.sCount[line] < wanted:
            break
        last = line + 1
    return last


def _content(state: StateBlock, start: int, end: int, indent: int, parent: str) -> None:
    """Parse the lines as blocks inside the open token."""
    before = state.parentType, state.lineMax, state.blkIndent
    state.parentType, state.lineMax, state.blkIndent = parent, end, indent
    state.md.block.tokenize(state, start, end)
    state.parentType, state.lineMax, state.blkIndent = before


def _admonition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    found = _ADMONITION.fullmatch(_line(state, start))
    if not found:
        return False
    last = _end_of_indented(state, start, end)
    title = _quoted_title(found[3])
    if last == start + 1 and title is None:
        return False
    if silent:
        return True
    kind = found[2].lower()
    words = [] if title is not None else found[3].split()
    if title is None and words and not set(words) <= set(_PLACES):
        title = " ".join(words)
    shown = title_of(kind, state.env.get("lang", "")) if title is None else title
    folded = found[1].startswith("?")
    _open(state, kind, shown, start, last, folded=folded, unfolded=found[1].endswith("+"))
    _content(state, start + 1, last, state.sCount[start] + 4, "admonition")
    _close(state, folded)
    state.line = last
    return True


def _quoted_title(rest: str) -> str | None:
    first, last = rest.find('"'), rest.rfind('"')
    return rest[first + 1 : last] if 0 <= first < last and not rest[last + 1 :].strip() else None


def _tab(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    found = _TAB.match(_line(state, start))
    if not found:
        return False
    if silent:
        return True
    last = _end_of_indented(state, start, end)
    token = state.push("tab_open", "div", 1)
    token.map, token.content, token.block = [start, last], found[1], True
    token.meta = {"new": _line(state, start).startswith("===!")}
    _content(state, start + 1, last, state.sCount[start] + 4, "tab")
    state.push("tab_close", "div", -1).block = True
    state.line = last
    return True


# --- containers ---


def _container(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    found = _CONTAINER.fullmatch(_line(state, start))
    if not found:
        return False
    last, closed = _end_of_container(state, start, end, len(found[1]))
    if not closed and len(found[1]) == 2:
        return False
    if silent:
        return True
    kind, title = found[2].lower(), _container_title(found[3])
    if not closed:
        note = Note(
            start, "unclosed", f"{found[1]}{found[2]} is not closed.", "Add a line with :::"
        )
        state.env.setdefault("notes", []).append(note)
    if kind == "code-group":
        state.push("code_group_open", "", 1).map = [start, last]
        _content(state, start + 1, last, state.blkIndent, "container")
        state.push("code_group_close", "", -1)
    elif kind in _CONTAINERS:
        folded = kind == _FOLDED
        shown = title or title_of(kind, state.env.get("lang", ""))
        _open(state, kind, shown, start, last, folded=folded)
        _content(state, start + 1, last, state.blkIndent, "container")
        _close(state, folded)
    else:
        _plain(state, found[2], title, start, last)
    state.line = last + closed
    return True


def _plain(state: StateBlock, name: str, title: str, start: int, end: int) -> None:
    """A container that is not known: its text is shown, without a frame."""
    if name.lower() not in _PLAIN:
        message = f":::{name} is not known here; its text is shown without a frame."
        note = Note(
            start, "unknown-container", message, "Known are note, tip, warning, details ..."
        )
        state.env.setdefault("notes", []).append(note)
    token = state.push("container_open", "div", 1)
    token.map, token.block, token.attrs = [start, end], True, {"class": name.lower()}
    if title:
        _title(state, "p", "container-title", title, start)
    _content(state, start + 1, end, state.blkIndent, "container")
    state.push("container_close", "div", -1).block = True


def _container_title(rest: str) -> str:
    """The title of ``:::note[Title]{.x}``, ``:::note Title`` and ``::: note{title="Title"}``."""
    rest = rest.strip()
    if rest.startswith("["):
        return rest[1:].partition("]")[0].strip()
    if rest.startswith("{"):
        inside, _, rest = rest[1:].partition("}")
        found = _TITLE_ATTRIBUTE.search(inside)
        return found[1].strip("\"'") if found else rest.strip()
    return rest.partition("{")[0].strip() if rest.endswith("}") else rest


def _end_of_container(state: StateBlock, start: int, end: int, colons: int) -> tuple[int, bool]:
    """The line that closes the container of ``start`` and True; the end of its text and False.

    In an item of a list the closing line may be indented less, as writers often have it.
    """
    inside, fence = [colons], ""
    for line in range(start + 1, end):
        text = _line(state, line).rstrip()
        closes = _CONTAINER_END.fullmatch(text)
        if state.sCount[line] < state.blkIndent and text:
            return line, bool(closes) and len(inside) == 1
        if fence or text.startswith(("```", "~~~")):
            fence = "" if fence and text.startswith(fence) else fence or text[:3]
        elif closes:
            inside = _without_closed(inside, len(closes[1]))
            if not inside:
                return line, True
        elif (opens := _CONTAINER.match(text)) and (len(opens[1]) > 2 or colons == 2):
            inside.append(len(opens[1]))
    return end, False


def _without_closed(inside: list[int], colons: int) -> list[int]:
    """The containers that stay open after a closing line: it closes the innermost of its length."""
    if colons in inside:
        while inside[-1] != colons:
            inside.pop()
    return inside[:-1] if inside[-1] <= colons else inside


# --- alerts and callouts: block quotes that begin with [!TYPE] ---


def _callouts(state: StateCore) -> None:
    tokens = state.tokens
    for at, token in enumerate(tokens):
        if token.type != "inline" or at < 2 or tokens[at - 2].type != "blockquote_open":
            continue
        found = _CALLOUT.match(token.content)
        if not found:
            continue
        kind, folded = found[1].lower(), bool(found[2])
        opening, closing = tokens[at - 2], tokens[_closing(tokens, at - 2)]
        title = found[3].strip() or title_of(kind, state.env.get("lang", ""))
        _become_admonition(opening, closing, kind, folded, found[2] == "+")
        token.content = token.content[found.end() :]
        _callout_title(tokens, at, title, folded)
    state.tokens = [token for token in tokens if token.type != "gone"]


def _closing(tokens: list[Token], at: int) -> int:
    level = tokens[at].level
    return next(
        number
        for number in range(at + 1, len(tokens))
        if tokens[number].level == level and tokens[number].nesting == -1
    )


def _become_admonition(
    opening: Token, closing: Token, kind: str, folded: bool, unfolded: bool
) -> None:
    tag = "details" if folded else "div"
    opening.type, closing.type = "admonition_open", "admonition_close"
    opening.tag = closing.tag = tag
    _frame(opening, kind, unfolded)


def _callout_title(tokens: list[Token], at: int, title: str, folded: bool) -> None:
    """Put the title before the text, and remove the paragraph where nothing is left of it."""
    start, text, end = tokens[at - 1], tokens[at], tokens[at + 1]
    heading = Token("inline", "", 0, content=title, children=[], map=text.map, level=text.level)
    tag = "summary" if folded else "p"
    opened = Token("admonition_title_open", tag, 1, level=start.level, block=True)
    opened.attrs = {} if folded else {"class": "admonition-title"}
    closed = Token("admonition_title_close", tag, -1, level=start.level, block=True)
    if text.content.strip():
        if text.map:
            text.map = [text.map[0] + 1, text.map[1]]
        tokens[at - 1] = _group([opened, heading, closed, start])
    else:
        start.type = text.type = end.type = "gone"
        tokens[at - 1] = _group([opened, heading, closed])


def _group(tokens: list[Token]) -> Token:
    """Several tokens at one place, so that the numbers of the others stay; see ``_flat``."""
    return Token("group", "", 0, children=tokens)


# --- tabs that follow each other become one set ---


def _tab_sets(state: StateCore) -> None:
    state.tokens = list(_numbered(_flat(state.tokens), count(1)))


def _flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "group":
            yield from token.children or []
        else:
            yield token


def _numbered(tokens: Iterator[Token], numbers: Iterator[int]) -> Iterator[Token]:
    """Wrap tabs in sets; a code group is a set with a tab for each block of code.

    Each set has a number of its own in the article, also within another one.
    """
    every = list(tokens)
    at = 0
    while at < len(every):
        token = every[at]
        if token.type in ("tab_open", "code_group_open"):
            number = next(numbers)
            members, at = _members(every, at, numbers)
            if members:
                yield from _set(members, number)
            continue
        yield token
        at += 1


def _members(
    every: list[Token], at: int, numbers: Iterator[int]
) -> tuple[list[tuple[str, list[Token]]], int]:
    """The tabs that begin at ``at``, as (label, tokens), and where they end."""
    if every[at].type == "code_group_open":
        end = next(n for n in range(at, len(every)) if every[n].type == "code_group_close")
        blocks = [token for token in every[at:end] if token.type == "fence"]
        return [(_code_label(token), [token]) for token in blocks], end + 1
    members: list[tuple[str, list[Token]]] = []
    level = every[at].level
    while at < len(every) and every[at].type == "tab_open" and every[at].level == level:
        if members and every[at].meta["new"]:
            break
        end = _closing(every, at)
        inside = list(_numbered(iter(every[at + 1 : end]), numbers))
        members.append((every[at].content, inside))
        at = end + 1
    return members, at


def _code_label(token: Token) -> str:
    found = _CODE_LABEL.search(token.info)
    return found[1] if found else token.info.split(" ")[0] or "Code"


def _set(members: list[tuple[str, list[Token]]], number: int) -> Iterator[Token]:
    opened = Token("tab_set_open", "div", 1, block=True)
    opened.meta = {"labels": [label for label, _ in members], "number": number}
    yield opened
    for _, inside in members:
        block = Token("tab_block_open", "div", 1, block=True)
        block.attrs = {"class": "tabbed-block"}
        yield block
        yield from inside
        yield Token("tab_block_close", "div", -1, block=True)
    yield Token("tab_set_close", "div", -1, block=True)


# --- tokens of all kinds ---


def _frame(token: Token, kind: str, unfolded: bool) -> None:
    names = dict.fromkeys(["admonition", _KINDS.get(kind, kind), kind])
    token.attrs["class"] = " ".join(names)
    if unfolded:
        token.attrs["open"] = ""


def _open(
    state: StateBlock,
    kind: str,
    title: str,
    start: int,
    end: int,
    *,
    folded: bool = False,
    unfolded: bool = False,
) -> None:
    token = state.push("admonition_open", "details" if folded else "div", 1)
    token.map, token.block = [start, end], True
    _frame(token, kind, unfolded)
    if title:
        tag, name = ("summary", "") if folded else ("p", "admonition-title")
        _title(state, tag, name, title, start)


def _close(state: StateBlock, folded: bool) -> None:
    state.push("admonition_close", "details" if folded else "div", -1).block = True


def _title(state: StateBlock, tag: str, name: str, title: str, line: int) -> None:
    token = state.push("admonition_title_open", tag, 1)
    token.attrs, token.map, token.block = {"class": name} if name else {}, [line, line + 1], True
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = title, [line, line + 1], []
    state.push("admonition_title_close", tag, -1).block = True
