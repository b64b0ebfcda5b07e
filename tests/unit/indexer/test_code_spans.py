"""Code is told from text: fences and spans, and what only looks like one."""

from __future__ import annotations

import pytest

from indexer.editing.links import rewritten_links
from indexer.reading.markdown.code_spans import pieces
from indexer.reading.markdown.shared_values import filled
from indexer.reading.markdown.templates import without_templates
from indexer.reading.values_file import ANY, Values

VALUES = Values({"price": {ANY: "600円"}})


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("送料は `a` です", ["`a`"]),
        ("``a ` b`` と `c`", ["``a ` b``", "`c`"]),
        ("a ` b", []),
        ("`` a ` b", []),
    ],
)
def test_spans(text: str, spans: list[str]) -> None:
    found = pieces(text)
    assert [part for part, is_code in found if is_code] == spans
    assert "".join(part for part, _ in found) == text


def test_text_around_a_single_backtick_is_one_piece() -> None:
    assert rewritten_links("[a ` b](c)", lambda _: "d") == "[a ` b](d)"


@pytest.mark.parametrize("line", ["```code``` と書く", "  ```` a ```` x", "> ```x``` y"])
def test_a_span_at_the_start_of_a_line_opens_no_fence(line: str) -> None:
    assert filled(f"{line}\n{{{{ price }}}}", VALUES, "ja").text == f"{line}\n600円"
    assert rewritten_links(f"{line}\n[a](b)", lambda _: "c") == f"{line}\n[a](c)"
    assert "{% if" not in without_templates(f"{line}\n{{% if a %}}x")[0]


@pytest.mark.parametrize(
    "code",
    ["```\n[a](b)\n```", "~~~ `x`\n[a](b)\n~~~", "- a\n\n    ```\n    [a](b)\n    ```", "`[a](b)`"],
)
def test_links_in_code_stay(code: str) -> None:
    assert rewritten_links(f"{code}\n\n[a](b)\n", lambda _: "c") == f"{code}\n\n[a](c)\n"
