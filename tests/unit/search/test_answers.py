"""The quoted answer: which blocks of an article are quoted, and how much of them."""

from collections.abc import Sequence

import numpy as np
import pytest

from search.analysis.normalize import fold, fold_kana
from search.highlighting.answers import make_answer, scored_units
from search.index.units import embedded_units, shown_text, units_of
from search.model import Answer, Block, BlockKind, Passage
from search.query.focus import FocusTerm, codes, covered, focus_terms, not_named, without
from search.query.terms import HighlightTerms, WeightedTerm

NONE_SHOWN = HighlightTerms((), set(), set())


def passage(
    *blocks: tuple[BlockKind, Sequence[str]], heading: str = "", title: str = "題"
) -> Passage:
    """A passage of blocks; the lines of a list or table are its items."""
    made: list[Block] = []
    lines: list[str] = []
    for number, (kind, texts) in enumerate(blocks):
        has_items = kind in ("list", "steps", "table", "definition")
        items = tuple(range(1, len(texts) + 1)) if has_items else (0,) * len(texts)
        made.append(Block(kind, len(lines), items, number))
        lines += texts
    return Passage("a#0", "a", "ja", title, heading, "", "\n".join(lines), tuple(made))


def term(word: str) -> FocusTerm:
    return focus_terms([WeightedTerm((fold_kana(fold(word)),), 1.0)])[0]


def quoted(shown: Passage, *words: str, cosines: Sequence[float] = ()) -> Answer:
    focus = [term(word) for word in words]
    units = scored_units([shown], [np.array(cosines, np.float32)], focus)
    answer = make_answer("a", units, focus, NONE_SHOWN)
    assert answer is not None
    return answer


def test_the_first_paragraph_answers_unless_another_block_is_clearly_better() -> None:
    shown = passage(("paragraph", ["30日以内です。"]), ("paragraph", ["保管は7日間です。"]))
    assert quoted(shown).blocks[0].text == "30日以内です。"
    assert quoted(shown, "保管").text == "保管は7日間です。"
    assert quoted(shown, cosines=(0.80, 0.86)).text == "保管は7日間です。"


def test_two_blocks_that_are_nearly_as_good_are_quoted_in_the_order_of_the_article() -> None:
    shown = passage(("paragraph", ["一つ目。"]), ("paragraph", ["二つ目。"]))
    assert quoted(shown, cosines=(0.80, 0.83)).text == "一つ目。\n二つ目。"


def test_only_the_rows_asked_for_are_quoted() -> None:
    rows = ["コード: E-01 / 原因: 車輪", "コード: E-03 / 原因: ブラシ", "コード: E-07 / 原因: ごみ"]
    [table] = quoted(passage(("table", rows)), "e07").blocks
    assert table.texts == (rows[2],) and table.items == (3,) and table.of == 3


def test_a_table_without_a_better_row_shows_five() -> None:
    shown = passage(("table", [f"種類: {number} / 料金: 円" for number in range(9)]))
    [table] = quoted(shown, cosines=[0.8] * 9).blocks
    assert len(table.items) == 5 and table.of == 9


def test_a_list_comes_whole_with_what_introduces_it() -> None:
    shown = passage(
        ("paragraph", ["返品の前に:"]), ("steps", ["開きます。", "押します。", "送ります。"])
    )
    answer = quoted(shown, "送り")
    assert [block.kind for block in answer.blocks] == ["paragraph", "steps"]
    assert answer.text == "返品の前に:\n1. 開きます。\n2. 押します。\n3. 送ります。"


def test_of_a_long_list_the_steps_around_the_best_are_quoted() -> None:
    steps = [f"手順{number}を行います。" for number in range(1, 20)]
    [block] = quoted(passage(("steps", steps)), "手順7").blocks
    assert block.items == (6, 7, 8, 9) and block.of == 19
    assert block.plain.startswith("6. 手順6")


def test_pictures_and_footnotes_are_never_quoted() -> None:
    shown = passage(
        ("figure", ["返金の流れの図"]), ("paragraph", ["5営業日です。"]), ("note", ["注"])
    )
    assert [unit.text for unit in units_of(shown)] == ["5営業日です。"]
    assert quoted(shown, "図").text == "5営業日です。"
    assert shown_text(shown) == "5営業日です。"
    only = passage(("figure", ["地図"]))
    assert (
        make_answer("a", scored_units([only], [np.zeros(0, np.float32)], []), [], NONE_SHOWN)
        is None
    )
    assert shown_text(only) == "地図"


def test_a_tab_is_quoted_alone_with_its_label() -> None:
    lines = ["開きます。", "押します。", "長押しします。"]
    blocks = (
        Block("steps", 0, (1, 2), 0, "iPhone", 1),
        Block("steps", 2, (1,), 1, "Android", 2),
    )
    shown = Passage("a#0", "a", "ja", "題", "", "", "\n".join(lines), blocks)
    answer = quoted(shown, "android")
    assert answer.text == "Android\n1. 長押しします。"


def test_where_two_tabs_are_equally_good_the_introduction_is_quoted() -> None:
    lines = ["7秒押します。", "設定を開きます。", "設定を開きます。"]
    blocks = (
        Block("paragraph", 0, (0,), 0),
        Block("steps", 1, (1,), 1, "iPhone", 1),
        Block("steps", 2, (1,), 2, "Android", 2),
    )
    shown = Passage("a#0", "a", "ja", "題", "", "", "\n".join(lines), blocks)
    assert quoted(shown, cosines=(0.80, 0.83, 0.825)).text.startswith("7秒押します。")
    labels = [block.label for block in quoted(shown, cosines=(0.80, 0.83, 0.81)).blocks]
    assert labels == ["", "iPhone"]


@pytest.mark.parametrize("count", [30, 4_000])
def test_a_long_paragraph_is_cut_between_sentences(count: int) -> None:
    sentences = [f"これは{number}番目の文です。" for number in range(count)]
    shown = passage(("paragraph", ["".join(sentences)]))
    [block] = quoted(shown, "17番目").blocks
    assert "17番目の文です。" in block.text and len(block.text) < 200
    assert not block.whole and block.text.startswith("これは") and block.text.endswith("。")


def test_units_are_embedded_with_the_headings_above_them() -> None:
    shown = passage(("paragraph", ["一つ。"]), ("list", ["二つ。", "三つ。"]), heading="節")
    assert embedded_units(shown) == ["題\n節\n一つ。", "題\n節\n二つ。", "題\n節\n三つ。"]
    assert embedded_units(passage(("paragraph", ["一つ。"]))) == []


@pytest.mark.parametrize(
    ("written", "found"),
    [("E-07", "e07"), ("RV15", "rv15"), ("ＴＢ－２００", "tb200"), ("2FA", "2fa"), ("550円", None)],
)
def test_codes_are_compared_without_hyphens(written: str, found: str | None) -> None:
    assert codes(f"コードは{written}です") == ({found} if found else frozenset())


def test_the_focus_is_what_the_title_does_not_name() -> None:
    terms = focus_terms(
        [
            WeightedTerm(("tb-200",), 3.0, ((0, 6),)),
            WeightedTerm(("battery",), 2.0, ((7, 14),)),
            WeightedTerm(("life",), 1.0, ((15, 19),)),
        ]
    )
    focus = not_named(terms, ["Pair the TB-200 headphones"])
    assert [one.forms[0] for one in focus] == ["batter", "life"]
    named = [one for one in terms if one not in focus]
    assert without("TB-200 battery life", named) == "battery life"
    assert covered(focus, "the batteries last") == pytest.approx(2 / 3)
    assert covered((), "anything") == 0


def test_an_item_cut_into_several_passages_is_quoted_once_and_short() -> None:
    parts = [f"とても長い項目の{number}つ目の文です。" * 9 for number in range(4)]
    blocks = (Block("list", 0, (1, 1, 1, 1, 2), 0, of=2),)
    shown = Passage("a#0", "a", "ja", "題", "", "", "\n".join([*parts, "短い項目。"]), blocks)
    answer = quoted(shown, "2つ目")
    assert len(answer.text) < 200 and answer.text.endswith("。")
    assert quoted(shown, "短い").text == "- 短い項目。"


def test_a_paragraph_that_runs_over_passages_is_never_quoted_as_the_whole() -> None:
    first, second = (
        Passage(f"a#{at}", "a", "ja", "題", "", "", text, (Block("paragraph", 0, (0,), 0),))
        for at, text in enumerate(["長い段落の前半です。", "後半です。"])
    )
    units = scored_units([first, second], [np.zeros(0, np.float32)] * 2, [term("後半")])
    answer = make_answer("a", units, [term("後半")], NONE_SHOWN)
    assert answer is not None
    [block] = answer.blocks
    assert block.text == "後半です。" and not block.whole


def test_more_rows_than_a_passage_has_are_counted() -> None:
    blocks = (Block("table", 0, (7, 8), 0, of=5_000),)
    shown = Passage("a#0", "a", "ja", "題", "", "", "コード: E-07\nコード: E-08", blocks)
    [block] = quoted(shown, "e-08").blocks
    assert block.items == (8,) and block.of == 5_000


def test_the_last_of_many_rows_is_as_good_as_the_first() -> None:
    rows = [f"コード: E-{number} / 直し方: 拭く{number}" for number in range(10, 56)]
    shown = passage(("table", rows))
    [block] = quoted(shown, "e-54", cosines=[0.8] * 24).blocks
    assert block.texts == (rows[44],)


def test_a_colon_at_the_end_of_a_section_takes_nothing_from_the_next() -> None:
    first = Passage("a#0", "a", "ja", "題", "部品", "", "次の部品が要ります:", ())
    second = Passage("a#1", "a", "ja", "題", "保証", "w", "2年", (Block("list", 0, (1,), 1),))
    units = scored_units([first, second], [np.zeros(0, np.float32)] * 2, [])
    answer = make_answer("a", units, [], NONE_SHOWN)
    assert answer is not None and answer.blocks[0].text == "次の部品が要ります:"
    assert all(part.kind == "paragraph" for part in answer.blocks[:1])


def test_a_table_found_by_its_caption_shows_rows() -> None:
    blocks = (Block("table", 0, (0, 1, 2), 0, of=2),)
    shown = Passage("a#0", "a", "ja", "題", "", "", "海外の送料\nEMS: 900円\n船便: 500円", blocks)
    [block] = quoted(shown, "海外").blocks
    assert block.items == (1, 2)
    head = Passage("a#0", "a", "ja", "題", "", "", "種類 / 料金", (Block("table", 0, (0,), 0),))
    assert quoted(head, "料金").blocks[0].items == ()


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("charging", "Charge it for two hours", True),
        ("batteries", "the battery lasts", True),
        ("shipping", "we ship to you", True),
        ("pin", "free shipping and spinning", False),
        ("life", "a lifetime", True),
        ("prices", "the price is 5", True),
    ],
)
def test_latin_words_are_compared_without_endings(word: str, text: str, found: bool) -> None:
    assert term(word).is_in(text) is found
