"""The HTML of another help centre as Markdown of ours. Pure.

Callouts become admonitions, accordions folded text, tabs tabs. A table with merged cells stays
HTML. Scripts, styles and comments go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import Comment, NavigableString, Tag
from markdownify import MarkdownConverter

_GONE = ("script", "style", "template", "noscript", "object", "embed", "svg", "form", "title")
_KEPT_INLINE = ("kbd", "sup", "sub", "ruby", "mark", "u")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_KINDS = {
    "danger": ("danger", "error", "red", "critical"),
    "warning": ("warning", "caution", "yellow", "orange", "important", "alert", "attention"),
    "tip": ("tip", "success", "green", "hint"),
    "note": ("note", "info", "blue", "callout", "gray", "grey", "neutral"),
}
_CALLOUT = re.compile(
    r"callout|admonition|infobox|notice|interblocks|alert-|^alert$|warningbox|errorbox"
)
_BLANKS = re.compile(r"\n{3,}")
_PANE = re.compile(r"\A(?:tab|tab-?pane|tab-?content|tab-?panel)\Z")
# Attributes that a box has its title in, and a pane the label of its tab.
TITLE, TAB = "data-kb-title", "data-kb-tab"
_BOXES = ("div", "section", "aside", "article", "figure")
# How far around a title its callout is looked for, and tabs of one article.
NEAREST, MOST_TABS = 8, 200
_ADDRESS = re.compile(
    r"(https?://[^\s<>()\[\]{}*`|\\]+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
)
# What begins a box in our dialect.
_OURS = re.compile(r"(?m)^([ \t]{0,3})(?=!!!|\?\?\?|:::)")
_TEMPLATE = re.compile(r"\{(?=[{%])|%(?=%)")
_LANGUAGE = re.compile(r"(?:language|lang|brush:? ?)-?([A-Za-z0-9+#]{1,20})")


@dataclass
class Converted:
    """The Markdown, and what of the HTML has no place in it."""

    markdown: str
    lost: list[str] = field(default_factory=list)


# What an address becomes: (name of the element, address) to the new address, "" for none.
Rewrite = Callable[[str, str], str]
_ADDRESSES = {"a": "href", "img": "src", "video": "src", "audio": "src", "source": "src"}


def to_markdown(html: str, rewrite: Rewrite = lambda _element, address: address) -> Converted:
    """The Markdown of a body; deeply nested HTML comes as plain text.

    ``rewrite`` says what links and pictures lead to.
    """
    soup = BeautifulSoup(html, "html.parser")
    lost = _prepare(soup)
    _name_boxes(soup)
    _name_tabs(soup)
    for element in soup.find_all(list(_ADDRESSES)):
        attribute = _ADDRESSES[element.name]
        address = str(element.get(attribute) or element.get("data-src") or "").strip()
        if address:
            element[attribute] = rewrite(element.name, address)
    try:
        text = _Converter().convert_soup(soup)
    except RecursionError:
        text = "\n\n".join(soup.stripped_strings)
        lost.append("nested too deeply: text without its form")
    kept = (line.rstrip() for line in text.split("\n") if line.strip() != "\\")
    return Converted(_BLANKS.sub("\n\n", "\n".join(kept)).strip(), lost)


def _prepare(soup: BeautifulSoup) -> list[str]:
    """Take out what must not be read, and bring all headings below the title."""
    lost: list[str] = []
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for element in soup.find_all(_GONE):
        if element.name in ("object", "embed", "form", "svg"):
            lost.append(f"<{element.name}>")
        element.decompose()
    shift = 1 if soup.find("h1") else 0
    for heading in soup.find_all(_HEADINGS):
        level = min(int(heading.name[1]) + shift, 6)
        heading.name = f"h{max(level, 2)}"
    return lost


def _name_boxes(soup: BeautifulSoup) -> None:
    """Move the titles of accordions and callouts into attributes, each to the box around it."""
    for summary in soup.find_all("summary"):
        box = summary.parent
        if box is not None and box.name == "details" and not summary.find_parent("table"):
            _move(summary, box)
    for title in soup.find_all(class_=re.compile("title|heading")):
        above = islice(title.parents, NEAREST)
        box = next((one for one in above if one.name in _BOXES and _is_callout(one)), None)
        if box and not box.has_attr(TITLE) and not box.find_parent("table"):
            _move(title, box)


def _move(title: Tag, box: Tag) -> None:
    words = title.get_text(" ", strip=True)
    if words:
        box[TITLE] = words
        title.extract()


def _name_tabs(soup: BeautifulSoup) -> None:
    """Move the labels of tabs to their panes, where there are as many labels as panes."""
    for tabs in soup.find_all(class_="tabs", limit=MOST_TABS):
        menu = tabs.find(class_=re.compile("menu|labels|nav|header"))
        labels = [one.get_text(" ", strip=True) for one in menu(["li", "button"])] if menu else []
        panes = tabs.find_all(class_=_PANE)
        if menu and labels and len(labels) == len(panes):
            for label, pane in zip(labels, panes, strict=True):
                pane.name, pane[TAB] = "div", label
            menu.extract()


def _is_callout(element: Tag) -> bool:
    return bool(_CALLOUT.search(" ".join(element.get("class") or ()).lower()))


class _Converter(MarkdownConverter):
    """Markdown in our dialect."""

    def __init__(self) -> None:
        super().__init__(
            heading_style="ATX",
            bullets="-",
            escape_misc=True,
            escape_asterisks=True,
            escape_underscores=True,
            newline_style="BACKSLASH",
        )

    def escape(self, text: str, parent_tags: Any) -> str:
        """Escape what Markdown and templates would read as theirs."""
        escape = super().escape  # type: ignore[misc]
        parts = _ADDRESS.split(text.replace("\xa0", " "))
        # Every second part is an address that stands by itself: it stays as it is.
        escaped = "".join(
            part if number % 2 else str(escape(part, parent_tags))
            for number, part in enumerate(parts)
        )
        escaped = _OURS.sub(r"\1\\", escaped)
        return _TEMPLATE.sub(lambda match: f"&#{ord(match[0])};", escaped)

    def convert_hN(self, n: int, el: Any, text: str, parent_tags: Any) -> str:  # noqa: N802
        """A heading with its anchor."""
        words = " ".join(text.split())
        name = el.get("id") or (el.find("a", attrs={"name": True}) or {}).get("name", "")
        anchor = f" {{#{name}}}" if name and re.fullmatch(r"[\w.:-]{1,100}", name) else ""
        return f"\n\n{'#' * n} {words}{anchor}\n\n" if words else ""

    def convert_pre(self, el: Any, text: str, parent_tags: Any) -> str:
        """Code in a fence that is longer than any in it."""
        for line in el.find_all("br"):
            line.replace_with("\n")
        code = el.get_text().strip("\n")
        inner = el.find("code")
        classes = " ".join([*el.get("class", ()), *(inner.get("class", ()) if inner else ())])
        found = _LANGUAGE.search(classes)
        longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
        fence = "`" * (longest + 1)
        return f"\n\n{fence}{found[1] if found else ''}\n{code}\n{fence}\n\n"

    def convert_table(self, el: Any, text: str, parent_tags: Any) -> str:
        """A table of lines; one with merged cells or blocks in them stays HTML."""
        rows = [row.find_all(["td", "th"], recursive=False) for row in el.find_all("tr")]
        rows = [row for row in rows if row]
        if not rows:
            return ""
        merged = el.find(attrs={"colspan": True}) or el.find(attrs={"rowspan": True})
        if merged or el.find(["ul", "ol", "pre", "table", "blockquote"]) or el.find_parent("li"):
            return f"\n\n{_plain_table(el)}\n\n"
        cells = [[self._cell(cell) for cell in row] for row in rows]
        width = max(map(len, cells))
        full = [row + [""] * (width - len(row)) for row in cells]
        head, body = full[0], full[1:]
        lines = [head, ["---"] * width, *body]
        caption = el.find("caption")
        above = f"{caption.get_text(' ', strip=True)}\n\n" if caption else ""
        table = "\n".join(f"| {' | '.join(row)} |" for row in lines)
        return f"\n\n{above}{table}\n\n"

    def _cell(self, cell: Any) -> str:
        for line in cell.find_all("br"):
            line.replace_with(NavigableString("\ue000"))
        for part in cell.find_all("details"):
            part.name = "div"
        for part in cell.find_all("summary"):
            part.name = "strong"
            part.insert_after(" ")
        for part in cell.find_all(["p", "div"]):
            part.append(NavigableString("\ue000"))
        inner = BeautifulSoup(cell.decode_contents(), "html.parser")
        text = " ".join(str(self.convert_soup(inner)).split())
        text = "<br>".join(part.strip() for part in text.split("\ue000")).removesuffix("<br>")
        return re.sub(r"(?<!\\)\|", r"\\|", text)

    def convert_iframe(self, el: Any, text: str, parent_tags: Any) -> str:
        """A frame stays one: the site shows it where its host is allowed, else as a link."""
        source = str(el.get("src") or "").replace('"', "%22")
        source = f"https:{source}" if source.startswith("//") else source
        return f'\n\n<iframe src="{source}"></iframe>\n\n' if source.startswith("http") else ""

    def convert_video(self, el: Any, text: str, parent_tags: Any) -> str:
        """A film, by its address."""
        inner = el.find("source")
        source = el.get("src") or (inner.get("src") if inner else "")
        return f'\n\n<video src="{source}"></video>\n\n' if source else ""

    def convert_img(self, el: Any, text: str, parent_tags: Any) -> str:
        """A picture with a description; the title and the width are left out."""
        source = str(el.get("src") or el.get("data-src") or "").strip()
        alt = " ".join(str(el.get("alt") or "").split()).replace("[", "(").replace("]", ")")
        return f"![{alt}]({_target(source)})" if source else ""

    def convert_a(self, el: Any, text: str, parent_tags: Any) -> str:
        """A link; one without an address is its text."""
        href = str(el.get("href") or "").strip()
        if not href or not text.strip():
            return text
        safe = re.match(r"(?i)(?:https?://|mailto:|tel:|sms:|/|#|\.|[^:]*\Z)", href)
        return f"[{text.strip()}]({_target(href)})" if safe else text

    def convert_details(self, el: Any, text: str, parent_tags: Any) -> str:
        """An accordion as folded text."""
        return _box("???", "note", str(el.get(TITLE, "")), text)

    def convert_div(self, el: Any, text: str, parent_tags: Any) -> str:
        """A callout, one of several tabs, or a paragraph."""
        if "_inline" in parent_tags:
            return f"{el.get(TITLE, '')} {text}".strip() if el.has_attr(TITLE) else text
        if el.has_attr(TAB):
            return f'\n\n=== "{_quoted(el[TAB])}"\n\n{_indented(text.strip())}\n\n'
        if _is_callout(el):
            classes = " ".join(el.get("class") or ()).lower()
            return _box("!!!", _kind_of(classes), str(el.get(TITLE, "")), text)
        return f"\n\n{text.strip()}\n\n"

    convert_section = convert_aside = convert_article = convert_figure = convert_div

    def convert_figcaption(self, el: Any, text: str, parent_tags: Any) -> str:
        """The caption of a picture, below it."""
        return f"\n\n{text.strip()}\n\n"

    def convert_dl(self, el: Any, text: str, parent_tags: Any) -> str:
        """Terms, each above its meanings."""
        return f"\n\n{text.strip()}\n\n"

    def convert_dt(self, el: Any, text: str, parent_tags: Any) -> str:
        """A term."""
        words = " ".join(text.split())
        return f"\n\n{words}\n" if words else ""

    def convert_dd(self, el: Any, text: str, parent_tags: Any) -> str:
        """What a term means."""
        return f":   {_indented(text.strip()).lstrip()}\n" if text.strip() else ""


def _box(mark: str, kind: str, title: str, text: str) -> str:
    """An admonition of ours around a text."""
    inner = text.strip()
    named = f' "{_quoted(title)}"' if title else ' ""' if mark == "!!!" else ""
    return f"\n\n{mark} {kind}{named}\n{_indented(inner)}\n\n" if inner or title else ""


def _quoted(title: str) -> str:
    return title.replace('"', "'")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line.strip() else "" for line in text.split("\n"))


def _target(address: str) -> str:
    """An address as Markdown takes it, also one with spaces or brackets."""
    bare = re.sub(r"[<>\n]", lambda match: f"%{ord(match[0]):02X}", address)
    return f"<{bare}>" if re.search(r"[\s()]", bare) else bare


def _kept(name: str) -> Any:
    def convert(self: _Converter, el: Any, text: str, parent_tags: Any) -> str:
        if name == "ruby":
            for mark in el.find_all("rp"):
                mark.extract()
            return f"<ruby>{el.decode_contents()}</ruby>"
        return f"<{name}>{text}</{name}>" if text else ""

    return convert


for _name in _KEPT_INLINE:
    setattr(_Converter, f"convert_{_name}", _kept(_name))


def _kind_of(classes: str) -> str:
    return next(
        (kind for kind, names in _KINDS.items() if any(n in classes for n in names)), "note"
    )


def _plain_table(table: Tag) -> str:
    """The table as HTML without what only styles it, on lines without gaps."""
    for element in [table, *table.find_all(True)]:
        element.attrs = {
            name: value
            for name, value in element.attrs.items()
            if name in ("colspan", "rowspan", "href", "src", "alt", "id")
            and not str(value).lower().startswith("javascript:")
        }
    kept: Sequence[str] = str(table).split("\n")
    return "\n".join(line for line in kept if line.strip())
