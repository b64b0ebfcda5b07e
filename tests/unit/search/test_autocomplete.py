"""Autocomplete before and after kana-kanji conversion."""

import numpy as np
import pytest

from search.index.autocomplete import Entry, build_suggest, romaji, typed_forms

TEXTS = [
    "パスワードを忘れたとき",
    "商品を返品する",
    "クレジットカードが使えない",
    "Reset a forgotten password",
    "返品の送料",
]
INDEX = build_suggest(
    [Entry(row, text, True) for row, text in enumerate(TEXTS)], ["ja", "ja", "ja", "en", "ja"]
)
ALL = [True] * len(TEXTS)


def found(typed: str, allowed: list[bool] = ALL) -> list[str]:
    return [text for _, text in INDEX.find(typed, np.array(allowed), np.array(ALL), 8)]


@pytest.mark.parametrize("typed", ["ぱすわ", "パスワ", "pasuwa", "pasuw", "ﾊﾟｽ", "ぱすw", "わすれ"])
def test_kana_and_romaji_before_conversion_find_the_word(typed: str) -> None:
    assert TEXTS[0] in found(typed)


@pytest.mark.parametrize("typed", ["へんぴ", "henpin", "返", "返品"])
def test_kanji_are_completed_by_their_reading(typed: str) -> None:
    assert {TEXTS[1], TEXTS[4]} <= set(found(typed))


def test_english_is_completed_by_any_word() -> None:
    assert found("forg") == [TEXTS[3]]
    assert found("Reset pass") == [TEXTS[3]]


def test_english_is_not_treated_as_romaji() -> None:
    assert romaji("parcel") == "" and romaji("parc") == ""
    assert TEXTS[0] not in found("parc")


def test_all_words_must_be_completed() -> None:
    assert found("返品 送料") == [TEXTS[4]]


def test_hidden_articles_are_not_suggested() -> None:
    assert found("ぱすわ", [False, True, True, True, True]) == []


@pytest.mark.parametrize("typed", ["", " ", "?", "\x00", "\ud800", "ー", "'\"", "x" * 5_000])
def test_no_input_is_an_error(typed: str) -> None:
    assert isinstance(found(typed), list)
    assert isinstance(typed_forms(typed), list)


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("wifi", "Wi-Fi setup"),
        ("wi-fi", "Wi-Fi setup"),
        ("email", "E-mail settings"),
        ("signin", "Sign-in trouble"),
        ("cafe", "Café vouchers"),
        ("café", "Café vouchers"),
        ("wifi", "Wi-Fiの設定"),
        ("ガソリン", "ガソリン"),
    ],
)
def test_suggestions_find_what_search_finds(typed: str, title: str) -> None:
    lang = "en" if title.isascii() or "é" in title else "ja"
    index = build_suggest([Entry(0, title, True)], [lang])
    assert [text for _, text in index.find(typed, np.array([True]), np.array([True]), 8)] == [title]
