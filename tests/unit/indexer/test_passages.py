"""Articles are split at headings into passages that fit the model; no text is lost."""

from hypothesis import given
from hypothesis import strategies as st

from indexer.bundling.passages import MAX_CHARS, MAX_CHARS_WIDE, cut, question_texts, to_passages
from indexer.model import Section
from tests.support import article
from tests.unit.indexer.test_markdown import rendered


def test_an_article_without_text_still_has_a_passage() -> None:
    passages = to_passages(article("a", "題名", summary="要約"))
    assert [passage.text for passage in passages] == ["要約"]
    assert passages[0].embedded_text == "題名\n要約"


def test_long_sections_are_split_at_sentences() -> None:
    pieces = [piece.text for piece in cut(Section("", "", 0, "返品できます。" * 300))]
    assert all(len(piece) <= MAX_CHARS_WIDE and piece.endswith("。") for piece in pieces)
    english = [piece.text for piece in cut(Section("", "", 0, "You can return it. " * 300))]
    assert all(len(piece) <= MAX_CHARS and piece.endswith(".") for piece in english)


@given(st.text("あい。. ab\n", max_size=3_000))
def test_splitting_loses_no_text(text: str) -> None:
    letters = [char for char in text if not char.isspace()]
    cut_letters = [
        char for piece in cut(Section("", "", 0, text)) for char in piece.text if not char.isspace()
    ]
    assert cut_letters == letters


def test_questions_are_embedded_separately_and_once() -> None:
    one = article("a", "題名", questions=("質問", "題名"), confirmed_questions=("学んだ質問",))
    assert question_texts(one) == ("題名", "質問", "学んだ質問")


def test_text_after_a_nested_definition_belongs_to_the_outer_term() -> None:
    body = "Outer\n:   Outer def\n\n    Inner\n    :   Inner def\n\n    Afterwards tariff text"
    [section] = rendered(body)[0].sections
    [block] = section.blocks
    assert set(block.items) == {1} and block.of == 1
