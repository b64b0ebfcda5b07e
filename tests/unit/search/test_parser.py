"""The query parser: a plain sentence is never a syntax error; phrases and fields are optional."""

import pytest

from search.model import Filters
from search.query.parser import MAX_CHARS, parse


@pytest.mark.parametrize(
    "text",
    [
        'how do i reset my "password?',
        "what's 3-4 days",
        "note: it broke",
        "- what -",
        '""',
        "C:\\path",
        "AND OR NOT (",
        "*",
        "a:b",
    ],
)
def test_an_ordinary_sentence_has_no_syntax(text: str) -> None:
    parsed = parse(text)
    assert parsed.phrases == () and parsed.excluded == () and parsed.filters == Filters()
    assert parsed.plain == " ".join(text.split())


def test_a_phrase_is_scored_and_required() -> None:
    parsed = parse('"two step" sign-in')
    assert parsed.phrases == ("two step",) and parsed.plain == "two step sign-in"


def test_words_and_phrases_are_excluded() -> None:
    parsed = parse('返品 -カード -"着払い 返送"')
    assert parsed.plain == "返品" and set(parsed.excluded) == {"カード", "着払い 返送"}


def test_only_excluded_words_are_plain() -> None:
    assert parse("-card").plain == "-card"


def test_fields_filter_but_never_override_the_page() -> None:
    parsed = parse("section:returns tag:refund いつ", Filters(section="orders"))
    assert parsed.filters == Filters(section="orders", tag="refund") and parsed.plain == "いつ"


def test_a_very_long_query_is_truncated() -> None:
    assert len(parse("あ" * 10_000).plain) == MAX_CHARS
