"""Readings stand above the kanji alone, and the text stays as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb_app.web.core.furigana import with_furigana
from search.analysis.furigana import furigana


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("返す", [("返", "かえ"), ("す", "")]),
        ("申し込み", [("申", "もう"), ("し", ""), ("込", "こ"), ("み", "")]),
        ("電源を切る", [("電源", "でんげん"), ("を", ""), ("切", "き"), ("る", "")]),
        ("TB-200のランプ", [("TB-200のランプ", "")]),
        ("人々", [("人々", "ひとびと")]),
        ("お問い合わせ", [("お", ""), ("問", "と"), ("い", ""), ("合", "あ"), ("わせ", "")]),
        ("々", [("々", "")]),
        ("", []),
    ],
)
def test_each_run_of_kanji_has_its_reading(text: str, parts: list[tuple[str, str]]) -> None:
    assert furigana(text) == parts


@given(st.text(alphabet=st.sampled_from("返品す申し込みをABC 12\n。カ々〆&<>"), max_size=60))
def test_the_parts_together_are_the_text(text: str) -> None:
    assert "".join(part for part, _reading in furigana(text)) == text


def test_html_keeps_its_tags_and_code_its_text() -> None:
    made = with_furigana('<p title="電源">電源 &amp; <code>電源</code><a href="/x">返品</a></p>')
    assert made == (
        '<p title="電源"><ruby>電源<rp>(</rp><rt>でんげん</rt><rp>)</rp></ruby> &amp; '
        '<code>電源</code><a href="/x">'
        "<ruby>返品<rp>(</rp><rt>へんぴん</rt><rp>)</rp></ruby></a></p>"
    )


def test_code_inside_code_ends_where_it_ends() -> None:
    made = with_furigana("<pre><code>電源</code>電源</pre><p>品</p>")
    assert made.count("<ruby>") == 1
