"""The quoted blocks of an answer as HTML and Markdown, cut from the article's own HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cachetools import LRUCache
from markdownify import MarkdownConverter
from markupsafe import Markup

from indexer.article_store import ArticleStore
from indexer.model import ArticleSummary
from indexer.reading.html_tags import Tag, rewrite_tags, rewrite_text
from indexer.reading.html_text import BlockMarkup, blocks_in
from kb_app.web.core.article_body import render_body
from kb_app.web.core.context import audiences, now
from kb_app.web.core.inputs import whole_number
from kb_app.web.core.template_helpers import article_url
from search.model import Answer, QuotedBlock

# Articles whose blocks are kept: the same few are quoted most of the time.
ARTICLES_KEPT = 256
_FOOTNOTE = re.compile(r'<sup[^<>]*+><a class="footnote-ref"[^<>]*+>[^<>]*+</a></sup>')
_PARENTS = {"list": "ul", "steps": "ol", "definition": "dl", "table": "table"}
_ROWSPAN = re.compile(r'rowspan="(\d{1,3})"')
# Rows above a row that are searched for a cell that spans it.
MOST_SPANNED = 50
# Tabs within a quote are shown one below the other, with their labels.
_TABS = re.compile(r' class="tabbed-(?:set|block|content|labels)[^"]*+"')
# What names a place of the article's page; two quotes may not have the same.
_NAMES = re.compile(r' (?:id|name|for)="[^"]*+"')


@dataclass(frozen=True)
class QuotedPart:
    """A quoted block for pages, the API and machines.

    ``first`` and ``last`` are the numbers of the steps quoted and ``left`` how many items are not.
    """

    kind: str
    html: Markup
    text: str
    label: str
    first: int = 0
    last: int = 0
    of: int = 0
    left: int = 0

    @property
    def markdown(self) -> str:
        """The block as Markdown."""
        return _Markdown(heading_style="ATX", bullets="-").convert(str(self.html)).strip()


def quoted_parts(
    answer: Answer, articles: ArticleStore, version: str, lang: str
) -> list[QuotedPart]:
    """The blocks of an answer with their HTML, as the article shows them."""
    card = articles.summaries[answer.article_id]
    body, blocks = _article(articles, answer.article_id, version)
    return [
        QuotedPart(
            block.kind,
            _shown(_markup(block, body, blocks), block, articles, card, lang),
            block.text,
            block.label,
            *_extent(block),
        )
        for block in answer.blocks
    ]


def _extent(block: QuotedBlock) -> tuple[int, int, int, int]:
    """(first, last, of, left) of the items of a block; (0, 0, 0, 0) where it is whole.

    Rows are counted one by one. Of a list everything from the first to the last item is shown.
    """
    if not block.items:
        return 0, 0, 0, 0
    first, last = block.items[0], block.items[-1]
    left = block.of - (len(block.items) if block.kind == "table" else last - first + 1)
    shift = block.numbered_from - 1
    return (first + shift, last + shift, block.of + shift, left) if left > 0 else (0, 0, 0, 0)


_kept: LRUCache[tuple[str, str], tuple[str, list[BlockMarkup]]] = LRUCache(ARTICLES_KEPT)
_lock = Lock()


def _article(
    articles: ArticleStore, article_id: str, version: str
) -> tuple[str, list[BlockMarkup]]:
    """The HTML of an article and its blocks; cached, since reading it takes a few ms."""
    key = (version, article_id)
    with _lock:
        found = _kept.get(key)
    if found is None:
        article = articles.article(article_id)
        body = article.html if article else ""
        found = (body, blocks_in(body))
        with _lock:
            _kept[key] = found
    return found


def _markup(block: QuotedBlock, body: str, blocks: Sequence[BlockMarkup]) -> str:
    """The HTML of what is quoted; the text in a paragraph where the article's HTML lacks it."""
    found = blocks[block.number] if 0 <= block.number < len(blocks) else None
    items = [item for item in block.items if found and item <= len(found.items)]
    is_items = block.kind in _PARENTS
    if found is None or not block.whole or found.kind != block.kind or (is_items and not items):
        lines = (html.escape(line) for line in block.text.split("\n"))
        return f"<p>{'<br>'.join(lines)}</p>"
    if not is_items:
        return body[found.start : found.end]
    if block.kind == "table":
        return _table(found, items, body)
    # From the first to the last item, with those between that have no words, such as a picture.
    inner = body[found.items[items[0] - 1][0] : found.items[items[-1] - 1][1]]
    tag = _PARENTS[block.kind]
    start = f' start="{found.first_item + items[0] - 1}"' if block.kind == "steps" else ""
    return f"<{tag}{start}>{inner}</{tag}>"


def _table(found: BlockMarkup, items: Sequence[int], body: str) -> str:
    """The rows asked for under the heading rows above the first row.

    A cell that spans rows brings the rows from where it begins.
    """
    first_row = found.items[0][0]
    head = "".join(body[slice(*row)] for row in found.head if row[0] < first_row)
    rows = [body[slice(*row)] for row in found.items]
    wanted: set[int] = set()
    for item in items:
        begins = item - 1
        for above in range(max(0, item - 1 - MOST_SPANNED), item - 1):
            spans = [int(rows_) for rows_ in _ROWSPAN.findall(rows[above])]
            if max(spans, default=1) > item - 1 - above:
                begins = min(begins, above)
        wanted.update(range(begins, item))
    shown = "".join(rows[row] for row in sorted(wanted))
    table = f"<table><thead>{head}</thead><tbody>{shown}</tbody></table>"
    return f'<div class="table-scroll">{table}</div>'


def _shown(
    markup: str, block: QuotedBlock, articles: ArticleStore, card: ArticleSummary, lang: str
) -> Markup:
    """The HTML with links resolved, words marked, and without what names places of its page."""

    def rewritten(tag: Tag) -> str:
        if tag.name == "input":
            return ""
        text = _TABS.sub("", _NAMES.sub("", tag.text))
        target = tag.attribute("href") or ""
        if tag.name == "a" and target.startswith("#"):
            url = html.escape(article_url(card, lang, html.unescape(target[1:])))
            return text.replace(f'href="{target}"', f'href="{url}"')
        return text

    clean = rewrite_tags(_FOOTNOTE.sub("", markup), rewritten)
    visible = now(), audiences()
    body = render_body(clean, articles, lambda other: other.visible(*visible), lang)
    return Markup(_marked(str(body), block))


def _marked(body: str, block: QuotedBlock) -> str:
    """The HTML with the highlighted words of the block in <mark>."""
    words = {html.escape(block.text[start:end]) for start, end in block.spans}
    words = {word for word in words if "\n" not in word and word.strip()}
    if not words:
        return body
    either = "|".join(map(_whole_word, sorted(words, key=len, reverse=True)))
    pattern = re.compile(f"&[#a-zA-Z0-9]+;|({either})")

    def mark(found: re.Match[str]) -> str:
        return f"<mark>{found[1]}</mark>" if found[1] else found[0]

    return rewrite_text(body, lambda text: pattern.sub(mark, text))


def _whole_word(word: str) -> str:
    """A pattern of a word; one in Latin letters is no part of another."""
    before = r"(?<![A-Za-z0-9])" if word[:1].isascii() and word[:1].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if word[-1:].isascii() and word[-1:].isalnum() else ""
    return f"{before}{re.escape(word)}{after}"


class _Markdown(MarkdownConverter):
    """Markdown with cells of tables on one line, and without marks."""

    def convert_td(self, el: Any, text: str, parent_tags: set[str]) -> str:
        """A cell; what would end it is escaped."""
        escaped = " ".join(text.split()).replace("|", "\\|")
        return f" {escaped} |" * (whole_number(el.get("colspan", ""), 1, 100) or 1)

    convert_th = convert_td

    def convert_mark(self, el: Any, text: str, parent_tags: set[str]) -> str:
        """A highlight is no emphasis of the writer."""
        return text
