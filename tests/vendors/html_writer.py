"""Bodies as the HTML that vendors' editors really leave behind."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

from tests.vendors.blocks import (
    NEVER,
    Accordion,
    Attached,
    Block,
    Blocks,
    Break,
    Callout,
    Cell,
    CodeBlock,
    Heading,
    Image,
    Inline,
    Inlines,
    Link,
    Listing,
    Noise,
    Para,
    Quote,
    Ruby,
    Str,
    Table,
    Tabs,
    Terms,
    Video,
)

NOISE = {
    "script": f"<script>{NEVER}Track('view');</script>",
    "style": f"<style>.{NEVER}Style {{ color: red }}</style>",
    "empty": "<div><br></div>",
    "comment": f"<!-- {NEVER}Comment: ask marketing -->",
}
STYLES = {
    "bold": ("<strong>", "</strong>"),
    "italic": ("<em>", "</em>"),
    "code": ("<code>", "</code>"),
    "kbd": ("<kbd>", "</kbd>"),
    "sup": ("<sup>", "</sup>"),
    "sub": ("<sub>", "</sub>"),
    "styled": ('<span style="font-size:14px;color:#1f73b7;">', "</span>"),
    "plain": ("", ""),
}
PARAGRAPHS = {
    "p": ("<p>", "</p>"),
    "div": ("<div>", "</div>"),
    "centred": ('<p class="wysiwyg-text-align-center">', "</p>"),
    "onclick": (f"<p onclick=\"{NEVER}Click()\" style='margin:0'>", "</p>"),
    "nbsp": ("<p>&nbsp;&nbsp;", "&nbsp;</p>"),
}


def plain_callout(kind: str, inner: str) -> str:
    return f'<div class="callout {kind}"><p>{inner}</p></div>'


def plain_tabs(tabs: list[tuple[str, str]]) -> str:
    menu = "".join(f'<li class="tabs-link">{escape(title)}</li>' for title, _ in tabs)
    panes = "".join(f'<div class="tab"><p>{inner}</p></div>' for _, inner in tabs)
    return f'<div class="tabs"><ul class="tabs-menu">{menu}</ul>{panes}</div>'


def plain_accordion(title: str, inner: str) -> str:
    return f"<details><summary>{escape(title)}</summary><p>{inner}</p></details>"


@dataclass(frozen=True)
class Dialect:
    """How one vendor writes what differs: addresses, callouts, tabs, accordions."""

    link: Callable[[Link], str]
    picture: Callable[[Image], str]
    file: Callable[[str], str]
    pictures: Mapping[str, bytes]
    callout: Callable[[str, str], str] = plain_callout
    tabs: Callable[[list[tuple[str, str]]], str] = plain_tabs
    accordion: Callable[[str, str], str] = plain_accordion


def data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def write_inline(part: Inline, dialect: Dialect) -> str:
    match part:
        case Str(text, style):
            before, after = STYLES[style]
            return before + escape(text, quote=False) + after
        case Ruby(base, reading):
            return f"<ruby>{base}<rp>(</rp><rt>{reading}</rt><rp>)</rp></ruby>"
        case Link(_, text):
            return f'<a href="{escape(dialect.link(part))}">{escape(text, quote=False)}</a>'
        case Break():
            return "<br>"


def write_inlines(parts: Inlines, dialect: Dialect) -> str:
    return "".join(write_inline(part, dialect) for part in parts)


def write_listing(listing: Listing, dialect: Dialect) -> str:
    tag = "ol" if listing.ordered else "ul"
    items = "".join(
        "<li>"
        + write_inlines(item.parts, dialect)
        + (write_listing(item.below, dialect) if item.below else "")
        + "</li>\n"
        for item in listing.items
    )
    return f"<{tag}>\n{items}</{tag}>"


def write_cell(cell: Cell, tag: str, dialect: Dialect) -> str:
    cols = f' colspan="{cell.cols}"' if cell.cols > 1 else ""
    rows = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
    return f"<{tag}{cols}{rows}>{write_inlines(cell.parts, dialect)}</{tag}>"


def write_table(table: Table, dialect: Dialect) -> str:
    head = "td" if table.header == "none" else "th"
    rows = [
        "<tr>" + "".join(write_cell(cell, head if i == 0 else "td", dialect) for cell in row)
        for i, row in enumerate(table.rows)
    ]
    lines = [row + "</tr>" for row in rows]
    if table.header == "thead":
        body = f"<thead>{lines[0]}</thead>\n<tbody>" + "\n".join(lines[1:]) + "</tbody>"
    else:
        body = "<tbody>" + "\n".join(lines) + "</tbody>"
    return f'<table border="1" style="width: 100%;">{body}</table>'


def write_code(block: CodeBlock) -> str:
    text = escape(block.text, quote=False)
    if block.form == "breaks":
        return "<pre>" + text.replace("\n", "<br>") + "</pre>"
    if block.form == "plain":
        return f"<pre>{text}</pre>"
    return f'<pre><code class="language-{block.language}">{text}</code></pre>'


def write_image(image: Image, dialect: Dialect) -> str:
    alt = escape(image.alt)
    if image.form == "data":
        return f'<p><img src="{data_uri(dialect.pictures[image.name])}" alt="{alt}"></p>'
    source = escape(dialect.picture(image))
    if image.form == "srcset":
        both = f"{source} 1x, {source} 2x"
        return f'<figure><img src="{source}" srcset="{both}" alt="{alt}" loading="lazy"></figure>'
    width = ' width="320" style="max-width: 320px;"' if image.form == "width" else ""
    return f'<p><img src="{source}" alt="{alt}"{width}></p>'


def write_terms(block: Terms, dialect: Dialect) -> str:
    rows = (
        f"<dt>{escape(term)}</dt><dd>{write_inlines(parts, dialect)}</dd>"
        for term, parts in block.terms
    )
    return f"<dl>{''.join(rows)}</dl>"


def write_heading(block: Heading) -> str:
    anchor = f' id="{block.anchor}"' if block.anchor else ""
    return f"<h{block.level}{anchor}>{escape(block.text, quote=False)}</h{block.level}>"


def write_simple(block: Block, dialect: Dialect) -> str:
    """Blocks of one line each."""
    match block:
        case Quote(parts):
            html = f"<blockquote><p>{write_inlines(parts, dialect)}</p></blockquote>"
        case Attached(name):
            html = f'<p><a href="{escape(dialect.file(name))}">{escape(name)}</a></p>'
        case Video(url):
            html = f'<p><iframe src="{url}" width="560" height="315" allowfullscreen></iframe></p>'
        case Noise(form):
            html = NOISE[form]
        case CodeBlock():
            html = write_code(block)
        case Heading():
            html = write_heading(block)
        case _:
            raise AssertionError(block)
    return html


def write_block(block: Block, dialect: Dialect) -> str:
    match block:
        case Para(parts, form):
            before, after = PARAGRAPHS[form]
            html = before + write_inlines(parts, dialect) + after
        case Listing():
            html = write_listing(block, dialect)
        case Table():
            html = write_table(block, dialect)
        case Callout(kind, parts):
            html = dialect.callout(kind, write_inlines(parts, dialect))
        case Tabs(tabs):
            html = dialect.tabs([(title, write_inlines(parts, dialect)) for title, parts in tabs])
        case Accordion(title, parts):
            html = dialect.accordion(title, write_inlines(parts, dialect))
        case Image():
            html = write_image(block, dialect)
        case Terms():
            html = write_terms(block, dialect)
        case _:
            html = write_simple(block, dialect)
    return html


def write_html(blocks: Blocks, dialect: Dialect) -> str:
    return "\n".join(write_block(block, dialect) for block in blocks)


NEUTRAL = Dialect(
    link=lambda link: link.target + (f"#{link.anchor}" if link.anchor else ""),
    picture=lambda image: f"picture:{image.name}",
    file=lambda name: f"file:{name}",
    pictures={},
)
"""Addresses stay ``article:KEY``, ``picture:NAME``; data pictures need their bytes."""
