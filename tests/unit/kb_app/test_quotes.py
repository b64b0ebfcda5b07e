"""Quoted blocks as HTML and Markdown, cut from the article."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from indexer.reading.html_text import blocks_in
from kb_app.web.core import article_body, quotes
from search.model import Answer, Passage, QuotedBlock
from tests.unit.indexer.test_markdown import rendered

BODY = """最初の段落。<script>alert(1)</script>[^1]

1. 一つ目
2. **二つ目** & [節](#part)
3. 三つ目

## 節 {#part}

| コード | 直し方 |
| --- | --- |
| E-01 | 拭く |
| E-07 | a \\| b |

[^1]: 注。
"""
HTML = rendered(BODY)[0].html


class Store:
    """The one article."""

    def __init__(self) -> None:
        self.summaries = {"a": SimpleNamespace(id="a", slug="a", lang="ja")}

    def article(self, article_id: str) -> Any:
        return SimpleNamespace(html=HTML) if article_id == "a" else None


@pytest.fixture(autouse=True)
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = Flask(__name__)
    made.add_url_rule("/<ui>/articles/<slug>", "pages.article", lambda ui, slug: "")
    monkeypatch.setattr(quotes, "now", lambda: datetime.now(UTC))
    monkeypatch.setattr(quotes, "audiences", lambda: frozenset({"public"}))
    monkeypatch.setattr(article_body, "site_settings", lambda: SimpleNamespace(embed_hosts=()))
    with made.test_request_context("/"):
        yield


def part(block: QuotedBlock) -> quotes.QuotedPart:
    passage = Passage("a#0", "a", "ja", "題", "", "", "")
    answer = Answer("a", passage, (block,))
    [made] = quotes.quoted_parts(answer, Store(), "v", "ja")  # type: ignore[arg-type]
    return made


def number(kind: str) -> int:
    return next(block.number for block in blocks_in(HTML) if block.kind == kind)


def test_steps_keep_their_numbers_and_say_how_many_are_left() -> None:
    steps = QuotedBlock("steps", ("二つ目 & 節", "三つ目"), number("steps"), items=(2, 3), of=3)
    made = part(steps)
    assert made.html.startswith('<ol start="2"><li><strong>二つ目</strong> &amp; ')
    assert '<a href="/ja/articles/a#part">節</a>' in made.html
    assert (made.first, made.last, made.of, made.left) == (2, 3, 3, 1)
    assert made.markdown.startswith("2. **二つ目** & [節](/ja/articles/a#part)\n3. 三つ目")


def test_a_table_has_its_head_and_the_rows_asked_for() -> None:
    made = part(QuotedBlock("table", ("E-07",), number("table"), items=(2,), of=2))
    assert "<th>コード</th>" in made.html and "E-07" in made.html and "E-01" not in made.html
    assert made.html.startswith('<div class="table-scroll"><table><thead>')
    assert made.markdown.splitlines()[-1] == "| E-07 | a \\| b |"


def test_a_paragraph_comes_without_footnotes_and_places() -> None:
    made = part(QuotedBlock("paragraph", ("最初の段落。",), number("paragraph"), spans=((0, 2),)))
    assert "<mark>最初</mark>の段落。" in made.html and "footnote" not in made.html
    assert "id=" not in made.html and "<script" not in made.html
    assert made.markdown.startswith("最初の段落。")


def test_a_cut_paragraph_is_plain_text() -> None:
    made = part(QuotedBlock("paragraph", ("a <b> & c",), number("paragraph"), whole=False))
    assert made.html == "<p>a &lt;b&gt; &amp; c</p>"


def test_a_block_that_the_article_lacks_is_plain_text() -> None:
    for wrong in (99, -1, number("steps")):
        assert part(QuotedBlock("table", ("E-07",), wrong, items=(1,), of=1)).html == "<p>E-07</p>"
