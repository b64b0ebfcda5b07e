"""An index updated after an edit equals an index built from scratch."""

import random

import numpy as np
import pytest

from search.analysis.tokens import Token
from search.index.autocomplete import Entry, build_suggest, edited_suggest
from search.index.bm25 import Bm25Index
from search.index.postings import Postings
from search.index.record_files import StringFile

WORDS = ["返品", "送料", "配送", "保証", "修理", "wi-fi", "refund", "鍵"]


def some(chance: random.Random) -> list[str]:
    return chance.choices(WORDS, k=chance.randint(0, 6))


def changed(chance: random.Random, documents: list[list[str]]) -> tuple[list[list[str]], list[int]]:
    """The documents after edits, removals, insertions and moves.

    Also the new row of each old document, -1 if it is removed.
    """
    order = list(range(len(documents)))
    chance.shuffle(order)
    now: list[list[str]] = []
    places = [-1] * len(documents)
    for before in order:
        if chance.random() < 0.7:
            places[before] = len(now)
            now.append(documents[before])
        elif chance.random() < 0.7:
            now.append(some(chance))
    return [*now, some(chance)], places


@pytest.mark.parametrize("seed", range(30))
def test_scores_after_an_edit_equal_scores_of_a_new_index(seed: int) -> None:
    chance = random.Random(seed)
    before = [some(chance) for _ in range(chance.randint(1, 9))]
    now, places = changed(chance, before)
    added = {row: tokens for row, tokens in enumerate(now) if row not in places}
    edited, anew = (
        Bm25Index.of(Postings.of(before).edited(np.array(places), added)),
        Bm25Index.of(Postings.of(now)),
    )
    for word in [*WORDS, "w"]:
        asked = Token(word, 0, 1, prefix=word == "w")
        assert edited.weight(asked) == pytest.approx(anew.weight(asked))
        assert edited.scores([asked]) == pytest.approx(anew.scores([asked]))


def test_a_word_of_a_removed_article_is_unknown() -> None:
    postings = Postings.of([["返品"], ["極秘"]]).edited(np.array([0, -1]), {})
    assert (
        list(postings.words) == ["返品"] and Bm25Index.of(postings).weight(Token("極秘", 0, 2)) == 0
    )


TITLES = [
    "返品したい",
    "返金の時期",
    "パスワードを忘れた",
    "ギフト包装",
    "Reset a password",
    "配送状況を確認する",
    "Wi-Fi につながらない",
]


@pytest.mark.parametrize("seed", range(30))
def test_suggestions_after_an_edit_equal_a_new_index(seed: int) -> None:
    chance = random.Random(seed)
    before = [Entry(row, text, True) for row, text in enumerate(chance.choices(TITLES, k=30))]
    kept = [entry for entry in before if chance.random() > 0.1]
    now = [Entry(row, entry.text, True) for row, entry in enumerate(kept)] + [
        Entry(len(kept), "返品の送料", True)
    ]
    places = np.array([kept.index(entry) if entry in kept else -1 for entry in before])
    langs = ["en" if entry.text.isascii() else "ja" for entry in now]
    edited = edited_suggest(
        build_suggest(before, ["en" if entry.text.isascii() else "ja" for entry in before]),
        places,
        now,
        langs,
    )
    anew = build_suggest(now, langs)
    assert list(edited.keys) == list(anew.keys)
    everything = np.ones(len(now), dtype=np.bool_)
    for typed in ("返", "へん", "pasu", "pass", "そ", "wi", "ぎふと"):
        assert edited.find(typed, everything, everything, 20) == anew.find(
            typed, everything, everything, 20
        )


def test_strings_are_removed_and_inserted() -> None:
    strings = StringFile.of(["a", "返品", "", "z"]).kept(np.array([True, True, False, True]))
    assert list(strings.inserted(np.array([0, 1, 1, 3]), ["0", "b", "é", "終"])) == [
        "0",
        "a",
        "b",
        "é",
        "返品",
        "z",
        "終",
    ]
    assert list(StringFile.of([]).inserted(np.array([0]), ["x"])) == ["x"]


def test_an_edit_that_only_removes_keeps_the_other_suggestions() -> None:
    before = [Entry(row, text, True) for row, text in enumerate(TITLES)]
    langs = ["en" if entry.text.isascii() else "ja" for entry in before]
    left = edited_suggest(
        build_suggest(before, langs),
        np.array([*range(len(TITLES) - 1), -1]),
        before[:-1],
        langs[:-1],
    )
    everything = np.ones(len(TITLES), dtype=np.bool_)
    assert (
        left.find("へんきん", everything, everything, 5) == [(1, "返金の時期")]
        and left.find("wi", everything, everything, 5) == []
    )
