"""How tokens become HTML where CommonMark's own way is not ours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

Env = dict[str, Any]
_TASK = {"ja": ("済み", "まだ"), "en": ("done", "to do")}
MOST_COLOURED = 50_000
"""Characters of a code block that are coloured."""


def renderer_plugin(md: MarkdownIt) -> None:
    """Use these renderers."""
    for name, render in {
        "fence": _fence,
        "tab_set_open": _tab_set_open,
        "tab_set_close": lambda *_: "</div></div>\n",
        "footnote_ref": _footnote_ref,
        "footnote_block_open": lambda *_: '<div class="footnote">\n<hr>\n<ol>\n',
        "footnote_block_close": lambda *_: "</ol>\n</div>\n",
        "footnote_open": _footnote_open,
        "footnote_anchor": _footnote_anchor,
        "list_item_open": _list_item,
        "s_open": lambda *_: "<del>",
        "s_close": lambda *_: "</del>",
        "td_open": _cell,
        "th_open": _cell,
        "abbr": _abbr,
    }.items():
        md.renderer.rules[name] = render  # type: ignore[attr-defined]


def _fence(tokens: Sequence[Token], at: int, *_: object) -> str:
    """A block of code, coloured by Pygments where the language is known."""
    token = tokens[at]
    words = token.info.replace("{", " ").replace(".", " ").split()
    return code_block(token.content, words[0] if words else "")


def code_block(code: str, language: str) -> str:
    """The HTML of a block of code."""
    lexer = _lexer(language.lower()) if language and len(code) <= MOST_COLOURED else None
    if lexer is None:
        name = f' class="language-{escape(language)}"' if language else ""
        shown = escape(code, quote=False)
        return f'<div class="highlight"><pre><code{name}>{shown}</code></pre></div>\n'
    return str(highlight(code, lexer, _FORMATTER))


@lru_cache(maxsize=128)
def _lexer(language: str) -> Any:
    try:
        return get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return None


_FORMATTER = HtmlFormatter(cssclass="highlight", wrapcode=True)


def _tab_set_open(tokens: Sequence[Token], at: int, *_: object) -> str:
    number, labels = tokens[at].meta["number"], tokens[at].meta["labels"]
    name = f"__tabbed_{number}"
    checked = ' checked="checked"'
    inputs = "".join(
        f'<input{checked if place == 1 else ""} id="{name}_{place}" name="{name}" type="radio">'
        for place in range(1, len(labels) + 1)
    )
    shown = "".join(
        f'<label for="{name}_{place}">{escape(label)}</label>'
        for place, label in enumerate(labels, 1)
    )
    return (
        f'<div class="tabbed-set tabbed-alternate">{inputs}'
        f'<div class="tabbed-labels">{shown}</div>\n<div class="tabbed-content">\n'
    )


def _footnote_name(token: Token) -> str:
    return str(token.meta["id"] + 1)


def _footnote_ref(tokens: Sequence[Token], at: int, *_: object) -> str:
    name, again = _footnote_name(tokens[at]), tokens[at].meta.get("subId", 0)
    back = f"fnref{again + 1 if again else ''}:{name}"
    return f'<sup id="{back}"><a class="footnote-ref" href="#fn:{name}">{name}</a></sup>'


def _footnote_open(tokens: Sequence[Token], at: int, *_: object) -> str:
    return f'<li id="fn:{_footnote_name(tokens[at])}">'


def _footnote_anchor(tokens: Sequence[Token], at: int, *_: object) -> str:
    name, again = _footnote_name(tokens[at]), tokens[at].meta.get("subId", 0)
    back = f"fnref{again + 1 if again else ''}:{name}"
    return f'&nbsp;<a class="footnote-backref" href="#{back}" title="↩ {name}">↩</a>'


def _list_item(tokens: Sequence[Token], at: int, _options: object, env: Env) -> str:
    """An item; a task has a box that readers cannot tick, with a name for screen readers."""
    token = tokens[at]
    opened = f"<li{_attributes(token)}>"
    if "checked" not in (token.meta or {}):
        return opened
    return opened + task_box(bool(token.meta["checked"]), str(env.get("lang", "")))


def _cell(tokens: Sequence[Token], at: int, *_: object) -> str:
    """A cell of a table; how it is aligned stands in an attribute, as no style may."""
    token = tokens[at]
    style = str(token.attrs.pop("style", ""))
    if style.startswith("text-align:"):
        token.attrs["align"] = style.removeprefix("text-align:")
    return f"<{token.tag}{_attributes(token)}>"


def _attributes(token: Token) -> str:
    return "".join(f' {name}="{escape(str(value))}"' for name, value in token.attrs.items())


def task_box(ticked: bool, lang: str) -> str:
    """The HTML of a box of a task list."""
    name = _TASK.get(lang, _TASK["en"])[0 if ticked else 1]
    kind = "task-done" if ticked else "task-todo"
    return f'<span class="task-box {kind}"><span class="visually-hidden">{name}: </span></span>'


def _abbr(tokens: Sequence[Token], at: int, *_: object) -> str:
    token = tokens[at]
    return f'<abbr title="{escape(str(token.attrs["title"]))}">{escape(token.content)}</abbr>'
