"""Index and query text are analysed the same way, in every language."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.analyzer import analyser
from search.analysis.bigrams import bigram_places, bigrams_of
from search.analysis.latin import latin_words, may_hold
from search.analysis.normalize import fold, fold_kana
from search.highlighting.highlighter import merge_spans, spans
from search.query.terms import highlight_terms

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)


def words(lang: str, text: str) -> list[str]:
    return [token.text for token in analyser(lang).analyse_query(text)[0]]


@pytest.mark.parametrize(
    "spellings",
    [
        ("引越し", "引っ越し", "引越"),
        ("問合せ", "問い合わせ"),
        ("申込", "申し込み"),
        ("取消", "取り消し"),
        ("サーバ", "サーバー"),
        ("ヴィーガン", "ビーガン"),
        ("返品できますか", "返品したい", "返品する", "返品"),
        ("届かない", "届きません"),
        ("送料", "送料について知りたいのですが", "送料を教えてください"),
        ("ＷＩ－ＦＩ", "Wi-Fi", "wifi"),
    ],
)
def test_japanese_spelling_variants_share_tokens(spellings: tuple[str, ...]) -> None:
    first = set(words("ja", spellings[0]))
    assert all(first & set(words("ja", other)) for other in spellings[1:])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2.1.0", "21.0"),
        ("10.1", "101"),
        ("101.1.2.3", "10.11.2.3"),
        ("8.0", "80"),
        ("18.19", "1.8.19"),
        ("v2.10", "v21.0"),
        ("２．１．０", "21.0"),
    ],
)
def test_numbers_with_other_separators_are_other_words(one: str, other: str) -> None:
    for lang in ("en", "ja"):
        joined = words(lang, one)[0], words(lang, other)[0]
        assert joined[0] != joined[1], joined


@pytest.mark.parametrize(
    "spellings", [("RV15", "RV-15", "rv.15"), ("2026-01-05", "2026/01/05"), ("Wi-Fi", "wifi")]
)
def test_separators_beside_letters_make_no_difference(spellings: tuple[str, ...]) -> None:
    assert len({words("en", text)[0] for text in spellings}) == 1


def test_codes_are_single_tokens() -> None:
    assert "e502" in words("ja", "エラーコードE-502")
    assert "iphone15" in words("ja", "iPhone15の画面割れ")
    assert "ws30" in words("en", "My WS-30 is silent")


@given(st.text("abs15é-'._/&@+# あ", max_size=40))
def test_no_text_that_contains_a_code_is_skipped(text: str) -> None:
    folded = fold(text)
    assert all(may_hold(token.text).search(folded) for token in latin_words(folded, str))


def test_a_code_is_highlighted_however_its_parts_are_joined() -> None:
    held = "エラーE-502とwi_fiとbob's-x1、502ではない5 02"
    assert [
        held[start:end] for start, end in spans("ja", held, {"e502", "wifi", "bobx1"}, set())
    ] == ["E-502", "wi_fi", "bob's-x1"]


def test_a_sentence_is_not_one_token() -> None:
    assert {"注文", "商品", "届く"} <= set(words("ja", "注文した商品がまだ届かないのはなぜですか"))


def test_a_compound_word_contains_its_parts() -> None:
    assert {"東京都庁", "東京"} <= set(words("ja", "東京都庁"))
    assert "新" not in words("ja", "新幹線")


def test_english_is_stemmed_and_stop_words_are_removed() -> None:
    assert words("en", "How do I return the items?") == words("en", "returning an item")
    assert words("en", "who are you") == ["who", "are", "you"], (
        "nothing else is asked, so they stay"
    )


def test_other_languages_have_stems_or_bigrams() -> None:
    assert words("fr", "remboursements") == words("fr", "remboursement")
    assert [token.text for token in analyser("zh").analyse_query("退货政策")[1]] == [
        "退货",
        "货政",
        "政策",
    ]
    assert analyser("ko").analyse("환불 정책").words == ("환불", "정책")
    assert analyser("th").analyse("คืนสินค้า").bigrams


def test_a_single_ideograph_is_a_prefix_query() -> None:
    _, bigrams = analyser("ja").analyse_query("健")
    assert [(token.text, token.prefix) for token in bigrams] == [("健", True)]


@settings(max_examples=60, deadline=None)
@given(ANY_TEXT, st.sampled_from(["ja", "en", "zh", "ko", "th", "fr"]))
def test_any_text_is_analysed_and_spans_are_inside_it(text: str, lang: str) -> None:
    reader = analyser(lang)
    analysed = reader.analyse(text)
    found_words, bigrams = reader.analyse_query(text)
    assert {token.text for token in found_words} <= set(analysed.words), (
        "a query never asks for what an index would not hold"
    )
    marked = spans(
        lang, text, {token.text for token in found_words}, {token.text for token in bigrams}
    )
    assert all(0 <= start < end <= len(text) for start, end in marked)
    assert marked == merge_spans(marked)


def test_10_000_characters_are_no_error() -> None:
    assert analyser("ja").analyse("返品したい" * 2_000).words


def test_highlights_never_split_a_character() -> None:
    text = "新しいﾊﾟｽﾜｰﾄﾞとコード"
    found, bigrams = analyser("ja").analyse_query("パスワード")
    marked = spans("ja", text, {token.text for token in found}, {token.text for token in bigrams})
    assert [text[start:end] for start, end in marked] == ["ﾊﾟｽﾜｰﾄﾞ"]


@pytest.mark.parametrize(
    ("asked", "text", "marked"),
    [
        ("荷物が届かない", "届いた荷物。まだ届きません。", ["届い", "荷物", "届き"]),
        ("引っ越し", "引越しのとき、引越先の住所", ["引越し", "引越"]),
        ("箱が壊れた", "箱を開ける。重箱と箱根", ["箱"]),
        ("配送", "配達と郵送", []),
        ("E-502が出る", "画面にE-502と出たら。e502も同じ", ["E-502", "出", "e502"]),
        ("サーバー", "サーバを再起動。サーバーの再起動", ["サーバ", "サーバー"]),
        ("サーバーを止める", "サーバーを止めるとき", ["サーバーを止める"]),
        ("ヴァイオリン", "バイオリンの弦", ["バイオリン"]),
        ("ぱすわーど", "新しいパスワードとコード", ["パスワード"]),
    ],
)
def test_inflected_and_variant_forms_are_highlighted(
    asked: str, text: str, marked: list[str]
) -> None:
    words, bigrams = analyser("ja").analyse_query(asked)
    found = spans("ja", text, {token.text for token in words}, {token.text for token in bigrams})
    assert [text[start:end] for start, end in found] == marked


@settings(max_examples=200, deadline=None)
@given(
    st.text("あいサーバービヴァヴ返品をb ー", max_size=12),
    st.text("あいサーバービヴァヴ返品をb ー", max_size=12),
)
def test_bigram_places_match_the_bigrams_of_the_text(text: str, other: str) -> None:
    wanted = {bigram.text for bigram in bigrams_of(fold(other), tail=False) if not bigram.prefix}
    cut = {
        (bigram.start, bigram.end)
        for bigram in bigrams_of(fold(text), tail=False)
        if bigram.text in wanted and not bigram.prefix
    }
    assert set(bigram_places(fold(text), fold_kana(fold(text)), wanted)) == cut


@pytest.mark.parametrize(
    ("asked", "text", "marked"),
    [
        ("修理はいくらかかりますか", "送料はかかりません。修理は有料です。", ["修理"]),
        ("つながらない", "Wi-Fiにつながらないとき", ["つながらない"]),
        ("のしを付けたい", "のしは無料です。", ["のし"]),
    ],
)
def test_verbs_in_kana_are_marked_only_where_nothing_else_is(
    asked: str, text: str, marked: list[str]
) -> None:
    shown = highlight_terms(asked, analyser("ja").analyse_query(asked))
    found = spans("ja", text, shown.words, shown.bigrams)
    assert [text[start:end] for start, end in found] == marked
