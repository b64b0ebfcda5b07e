"""The HTML of an article as other tools take it: no class of ours, addresses of theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import NavigableString

from indexer.reading.media_types import MEDIA_TAGS

ARTICLE, FILE = "kb:", "kb-image:"
_KINDS = ("danger", "warning", "tip", "note")
_MEANT_AS = {
    **dict.fromkeys(("error", "bug", "failure", "critical"), "danger"),
    **dict.fromkeys(("caution", "attention", "important"), "warning"),
    **dict.fromkeys(("hint", "success", "check"), "tip"),
}
# Attributes that only our pages use.
_OURS = ("class", "loading", "data-lang", "data-label")
_ADDRESSES = {**MEDIA_TAGS, "a": "href"}


@dataclass(frozen=True)
class Dialect:
    """How a vendor writes what differs.

    ``link`` gives the address of an article by our id and anchor, "" where there is none; ``file``
    that of a file by its name in the index; ``callout`` has a kind (note, tip, warning, danger) and
    the HTML inside; ``tabs`` the labels with the HTML below each.
    """

    link: Callable[[str, str], str]
    file: Callable[[str], str]
    callout: Callable[[str, str], str]
    tabs: Callable[[list[tuple[str, str]]], str]


def plain_callout(kind: str, inner: str) -> str:
    """A callout as most themes have it."""
    return f'<div class="callout {kind}">{inner}</div>'


def plain_tabs(tabs: list[tuple[str, str]]) -> str:
    """Tabs below each other, each with its label: the same to every reader."""
    return "".join(f"<p><strong>{escape(label)}</strong></p>{inner}" for label, inner in tabs)


def listed_tabs(tabs: list[tuple[str, str]]) -> str:
    """Tabs with a menu, as an import reads them."""
    menu = "".join(f'<li class="tabs-link">{escape(label)}</li>' for label, _ in tabs)
    panes = "".join(f'<div class="tab">{inner}</div>' for _, inner in tabs)
    return f'<div class="tabs"><ul class="tabs-menu">{menu}</ul>{panes}</div>'


def foreign_html(html: str, dialect: Dialect) -> str:
    """The HTML of an article of the index for another tool."""
    soup = BeautifulSoup(html, "html.parser")
    for wrapper in soup.select("div.table-scroll, div.highlight"):
        wrapper.unwrap()
    _plain_code(soup)
    for box in soup.select("span.task-box"):
        is_done = "task-done" in box.get_attribute_list("class")
        box.replace_with(NavigableString("☑ " if is_done else "☐ "))
    _addresses(soup, dialect)
    _boxes(soup, dialect)
    return str(soup).strip()


def plain_text(html: str) -> str:
    """The words of HTML on one line."""
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


def _plain_code(soup: BeautifulSoup) -> None:
    """Code without colours; the class that names its language stays."""
    for code in soup.find_all("pre"):
        for part in code.find_all("span"):
            part.unwrap()


def _addresses(soup: BeautifulSoup, dialect: Dialect) -> None:
    for element in soup.find_all(list(_ADDRESSES)):
        name = _ADDRESSES[element.name]
        address = unescape(str(element.get(name) or ""))
        if address.startswith(FILE):
            element[name] = dialect.file(address.removeprefix(FILE))
        elif address.startswith(ARTICLE):
            target, _, anchor = address.removeprefix(ARTICLE).partition("#")
            there = dialect.link(target, anchor)
            if there:
                element[name] = there
            else:
                element.unwrap()


def _boxes(soup: BeautifulSoup, dialect: Dialect) -> None:
    """Callouts and tabs, the innermost first, so that each is written once."""
    found = soup.select("div.admonition, div.tabbed-set")
    held: list[str] = []
    for box in reversed(found):
        is_tabs = "tabbed-set" in box.get_attribute_list("class")
        held.append(_tabs(box, dialect) if is_tabs else _callout(box, dialect))
        # A mark keeps the place: what a vendor's box has must keep its classes.
        box.replace_with(NavigableString(f"\ue000{len(held) - 1}\ue001"))
    _without_ours(soup)
    whole = str(soup)
    for number, written in reversed(list(enumerate(held))):
        whole = whole.replace(f"\ue000{number}\ue001", written)
    soup.clear()
    soup.append(BeautifulSoup(whole, "html.parser"))


def _callout(box: Any, dialect: Dialect) -> str:
    title = box.find(class_="admonition-title", recursive=False)
    if title is not None:
        words = title.decode_contents()
        title.replace_with(BeautifulSoup(f"<p><strong>{words}</strong></p>", "html.parser"))
    classes = box.get_attribute_list("class")
    meant = [_MEANT_AS.get(str(name), str(name)) for name in classes]
    kind = next((name for name in _KINDS if name in meant), "note")
    _without_ours(box)
    return dialect.callout(kind, box.decode_contents().strip())


def _tabs(box: Any, dialect: Dialect) -> str:
    labels = [one.get_text(" ", strip=True) for one in box.select(".tabbed-labels > label")]
    panes = box.select(".tabbed-content > .tabbed-block")
    for pane in panes:
        _without_ours(pane)
    inner = [pane.decode_contents().strip() for pane in panes]
    return dialect.tabs(list(zip(labels, inner, strict=False)))


def _without_ours(root: Any) -> None:
    for element in root.find_all(True):
        language = [
            one for one in element.get_attribute_list("class") if str(one).startswith("language-")
        ]
        for name in _OURS:
            del element[name]
        if language and element.name == "code":
            element["class"] = language
