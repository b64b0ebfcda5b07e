"""Quoted blocks as HTML and Markdown, cut from the article."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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

    def __init__(self, html: str = HTML) -> None:
        self.html = html
        self.summaries = {"a": SimpleNamespace(id="a", slug="a", lang="ja")}

    def article(self, article_id: str) -> Any:
        return SimpleNamespace(html=self.html) if article_id == "a" else None


@pytest.fixture(autouse=True)
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = Flask(__name__)
    made.add_url_rule("/<ui>/articles/<slug>", "pages.article", lambda ui, slug: "")
    monkeypatch.setattr(quotes, "now", lambda: datetime.now(UTC))
    monkeypatch.setattr(quotes, "audiences", lambda: frozenset({"public"}))
    monkeypatch.setattr(article_body, "site_settings", lambda: SimpleNamespace(embed_hosts=()))
    with made.test_request_context("/"):
        yield


def part(block: QuotedBlock, html: str = HTML) -> quotes.QuotedPart:
    passage = Passage("a#0", "a", "ja", "題", "", "", "")
    answer = Answer("a", passage, (block,))
    version = str(hash(html))
    [made] = quotes.quoted_parts(answer, Store(html), version, "ja")  # type: ignore[arg-type]
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


def test_a_step_of_a_picture_alone_stays_between_the_steps() -> None:
    html = '<ol><li>開く</li><li><img alt=""></li><li>保存する</li></ol>'
    made = part(QuotedBlock("steps", ("開く", "保存する"), 0, items=(1, 3), of=3), html)
    assert made.html.count("<li>") == 3 and made.left == 0


def test_steps_are_numbered_alike_everywhere() -> None:
    html = '<ol start="5">' + "".join(f"<li>手順{n}</li>" for n in range(5, 12)) + "</ol>"
    block = QuotedBlock("steps", ("手順7", "手順8"), 0, items=(3, 4), of=7, numbered_from=5)
    made = part(block, html)
    assert made.html.startswith('<ol start="7">') and block.plain.startswith("7. ")
    assert (made.first, made.last, made.of, made.left) == (7, 8, 11, 5)


def test_marks_leave_entities_and_parts_of_words_alone() -> None:
    html = "<p>Guitar amp &amp; cable &lt;b&gt; shipping pin</p>"
    text = "Guitar amp & cable <b> shipping pin"
    spans = tuple((text.index(word), text.index(word) + len(word)) for word in ("amp", " pin"))
    block = QuotedBlock("paragraph", (text,), 0, spans=(spans[0], (spans[1][0] + 1, spans[1][1])))
    wanted = "<p>Guitar <mark>amp</mark> &amp; cable &lt;b&gt; shipping <mark>pin</mark></p>"
    assert part(block, html).html == wanted


def test_a_row_within_a_spanning_cell_comes_with_the_row_that_has_it() -> None:
    rows = '<tr><td rowspan="2">Basic</td><td>small</td></tr><tr><td>large</td></tr>'
    html = f"<table><tbody>{rows}<tr><td>Pro</td><td>large</td></tr></tbody></table>"
    made = part(QuotedBlock("table", ("large",), 0, items=(2,), of=3), html)
    assert "Basic" in made.html and "large" in made.html and "Pro" not in made.html


def test_tabs_within_a_step_are_all_shown() -> None:
    html = rendered('1. Choose:\n\n    === "A"\n\n        one\n\n    === "B"\n\n        two')[
        0
    ].html
    made = part(QuotedBlock("steps", ("Choose:",), 0, items=(1,), of=1), html)
    assert "one" in made.html and "two" in made.html
    assert "<input" not in made.html and "tabbed-block" not in made.html


def test_many_threads_read_quotes_at_once() -> None:
    store = Store()
    store.article = lambda article_id: SimpleNamespace(html="<p>a</p>")  # type: ignore[method-assign]

    def read(number: int) -> int:
        return len(quotes._article(store, str(number % 400), "v")[1])  # type: ignore[arg-type]

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(read, range(6_000))) == {1}
