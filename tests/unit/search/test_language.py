"""Language detection: Japanese is not Chinese, and a short name is not Danish."""

import pytest

from search.analysis.language import detect


@pytest.mark.parametrize(
    "text", ["返品", "パスワード", "送料無料", "東京", "カタカナ", "Wi-Fiが繋がらない", "領収書"]
)
@pytest.mark.parametrize("candidates", [("ja", "en"), ("en", "ja"), ("zh", "ja", "en")])
def test_kanji_and_katakana_are_japanese_if_japanese_is_a_candidate(
    text: str, candidates: tuple[str, ...]
) -> None:
    assert detect(text, candidates) == "ja"


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("forgot my password", "en"),
        ("퇴근 시간", "ko"),
        ("คืนสินค้า", "th"),
        ("退货", "zh"),
        ("Как вернуть товар", "ru"),
    ],
)
def test_the_script_decides(text: str, lang: str) -> None:
    assert detect(text, ("en", lang)) == lang


def test_two_languages_with_one_script() -> None:
    assert (
        detect(
            "Wie kann ich meine Bestellung stornieren und mein Geld zurückbekommen?", ("en", "de")
        )
        == "de"
    )
    assert detect("How can I cancel my order and get my money back?", ("en", "de")) == "en"


def test_undetectable_text_falls_back() -> None:
    assert detect("12345", ("ja", "en"), "en") == "en"
    assert detect("", ("ja", "en")) == "ja"
    assert detect("😀", ("en", "ja")) == "en"
