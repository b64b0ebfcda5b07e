"""A second look at the first candidates: articles of one matter stand together, and words said in one sentence count."""

import numpy as np
import pytest

from search.engine import Engine
from search.model import Query
from search.query.terms import WeightedTerm
from search.ranking import fusion
from search.ranking.reranker import sentence_coverage
from search.testing import HashEmbedder
from tests.support import NOW, article, memory_engine

FEE = [WeightedTerm(("返品",), 1.0), WeightedTerm(("送料",), 3.0)]


def ranked(engine: Engine, text: str) -> list[str]:
    return [hit.article_id for hit in engine.search(Query(text, lang="ja", now=NOW)).hits]


@pytest.mark.parametrize(
    ("title", "text", "share"),
    [
        ("", "返品の送料はお客様の負担です。", 1.0),
        ("", "返品は14日以内です。送料は全国一律です。", 0.75),
        ("返品について", "送料はお客様の負担です。", 1.0),
        ("返品について", "箱のまま送ってください。", 0.25),
        ("", "", 0.0),
    ],
)
def test_what_stands_in_one_sentence_or_in_the_title_is_said_at_once(
    title: str, text: str, share: float
) -> None:
    assert sentence_coverage(FEE, title, text) == pytest.approx(share)


def test_a_word_of_the_house_stands_for_the_customers_own() -> None:
    assert (
        sentence_coverage([WeightedTerm(("お金", "返金"), 1.0)], "", "ﾍﾝｷﾝ ではなく返金です。")
        == 1.0
    )


def test_how_a_word_is_written_does_not_matter() -> None:
    assert (
        sentence_coverage(
            [WeightedTerm(("キャンセル",), 1.0)], "", "きゃんせるできます。ｷｬﾝｾﾙ料はありません。"
        )
        == 1.0
    )


def test_a_question_without_words_is_said_nowhere() -> None:
    assert sentence_coverage([], "返品", "返品できます。") == 0.0


def test_another_answer_to_the_same_question_moves_up(monkeypatch: pytest.MonkeyPatch) -> None:
    articles = [
        article("first", "ポイントの有効期限", "ポイントの有効期限は1年です。"),
        article("other", "ポイントの有効期限", "延長はできません。"),
        article(
            "near", "ポイントの使い方", "ポイントの期限が近い順に使われます。有効な分だけです。"
        ),
        *(article(f"far{n}", f"配送{n}", f"配送の案内{n}。") for n in range(6)),
    ]
    engine = memory_engine(articles, HashEmbedder())
    assert ranked(engine, "ポイントの有効期限が近い")[:2] == ["first", "other"]
    monkeypatch.setattr(fusion, "CLUSTER_WEIGHT", -1.0)
    assert ranked(memory_engine(articles, HashEmbedder()), "ポイントの有効期限が近い")[:2] != [
        "first",
        "other",
    ]


def test_the_leaders_count_by_their_scores() -> None:
    shares = fusion.softmax_weights(np.array([0.5, 0.5, 0.1], dtype=np.float32))
    assert shares.sum() == pytest.approx(1) and shares[0] == shares[1] > 0.49


def test_texts_are_read_only_where_no_question_is_near() -> None:
    assert fusion.proximity_gate(np.array([0.9, 0.1], dtype=np.float32)) == 0.0
    assert fusion.proximity_gate(np.array([0.1, 0.0], dtype=np.float32)) > 0.1


def test_a_question_far_from_all_gathers_nobody() -> None:
    assert fusion.cluster_gate(np.array([0.0], dtype=np.float32)) < 0.1 * fusion.cluster_gate(
        np.array([0.7], dtype=np.float32)
    )


def test_words_in_one_sentence_go_before_scattered_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    articles = [
        article("scattered", "案内", "沖縄の店は水曜に休みます。送料は無料です。"),
        article("together", "案内", "水曜に休みます。沖縄への送料は無料です。店は開きます。"),
        *(article(f"far{n}", f"修理{n}", f"修理の受付{n}。") for n in range(6)),
    ]
    engine = memory_engine(articles, HashEmbedder())
    monkeypatch.setattr(fusion, "PROXIMITY_WEIGHT", 0.0)
    assert ranked(engine, "沖縄 送料")[0] == "scattered"
    monkeypatch.setattr(fusion, "PROXIMITY_WEIGHT", 1.0)
    assert ranked(memory_engine(articles, HashEmbedder()), "沖縄 送料")[0] == "together"
