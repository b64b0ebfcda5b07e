"""Equivalent spellings fold to one form; offsets into the original text are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.normalize import fold, fold_kana, fold_sounds, fold_with_offsets
from search.analysis.normalized_text import normalized

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ", "abc"),
        ("ｶﾀｶﾅ", "カタカナ"),
        ("１２３", "123"),
        ("㈱", "(株)"),
        ("①", "1"),
        ("か゛", "が"),
        ("か\u3099", "が"),
        ("ﾊﾟｽﾜｰﾄﾞ", "パスワード"),
        ("髙﨑", "高崎"),
        ("齋藤", "斎藤"),
        ("斉藤", "斎藤"),
        ("渡邊", "渡辺"),
        ("E‐502", "e-502"),
        ("zero\u200bwidth", "zerowidth"),
        ("nul\x00l", "null"),
        ("lone\ud800", "lone"),
    ],
)
def test_equivalent_spellings_fold_to_one_form(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@given(ANY_TEXT)
def test_both_foldings_agree_and_every_character_has_an_origin(text: str) -> None:
    folded = fold_with_offsets(text)
    assert folded.text == fold(text)
    assert len(folded.starts) == len(folded.ends) == len(folded.text)
    assert all(
        0 <= start < end <= len(text) for start, end in zip(folded.starts, folded.ends, strict=True)
    )


@given(ANY_TEXT)
def test_normalized_text_says_whether_offsets_are_unchanged(
    text: str,
) -> None:
    found = normalized.__wrapped__(text)
    assert found.text == fold_kana(fold(text))
    assert not found.in_place or [fold_kana(fold(char)) for char in text] == list(found.text)


@pytest.mark.parametrize(
    "text", ["Refund?\nYes: 5 days.", "返金は\n５営業日です。", "Rückgabe über Nacht", "ｶﾀｶﾅ\tだけ"]
)
def test_ordinary_texts_keep_their_offsets(text: str) -> None:
    assert normalized(text).in_place


@pytest.mark.parametrize(
    "text", ["㈱つばめ", "Größe", "nul\x00l", "か゛", "e\u0301", "zero\u200bwidth"]
)
def test_texts_that_change_length_do_not_keep_their_offsets(text: str) -> None:
    assert not normalized(text).in_place


def test_a_span_maps_back_to_whole_characters() -> None:
    folded = fold_with_offsets("あのﾊﾟｽﾜｰﾄﾞは")
    at = folded.text.index("パスワード")
    start, end = folded.span(at, at + 5)
    assert "あのﾊﾟｽﾜｰﾄﾞは"[start:end] == "ﾊﾟｽﾜｰﾄﾞ"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ぱすわーど", "パスワード"),
        ("サーバ", "サーバー"),
        ("ヴィーガン", "ビーガン"),
        ("ユーザ", "ユーザー"),
    ],
)
def test_equal_sounds_fold_to_one_spelling(one: str, other: str) -> None:
    assert fold_sounds(fold_kana(one)) == fold_sounds(fold_kana(other))
