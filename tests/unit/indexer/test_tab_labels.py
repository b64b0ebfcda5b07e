"""The label of a tab stands on its panel, for print."""

import re

import pytest

from indexer.reading.markdown.tab_labels import label_tabs
from tests.unit.indexer.test_markdown_dialects import rendered

NESTED = """
=== "外"

    a

    === "内 & 側"

        b

    === "x > y"

        c

=== "次"

    d
"""


def labels(html: str) -> list[str]:
    return re.findall(r'<div class="tabbed-block" data-label="([^"]*)"', html)


@pytest.mark.parametrize("front", ["", "markdown: classic\n"])
def test_each_panel_has_its_label_also_in_tabs_within_tabs(front: str) -> None:
    html = rendered(NESTED, front=front).html
    assert labels(html) == ["外", "内 &amp; 側", "x &gt; y", "次"]
    names = re.findall(r'<input[^>]* id="([^"]+)"', html)
    assert len(names) == len(set(names)) == 4


def test_two_sets_each_have_their_own() -> None:
    body = '=== "A"\n\n    1\n\n=== "B"\n\n    2\n\ntext\n\n=== "A"\n\n    3\n'
    assert labels(rendered(body).html) == ["A", "B", "A"]


def test_html_that_only_looks_like_tabs_is_left_as_it_is() -> None:
    markup = '<div class="tabbed-set"><div class="tabbed-block">x</div></div></div>'
    assert label_tabs(markup) == markup
