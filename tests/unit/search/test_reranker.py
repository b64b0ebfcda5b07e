"""Reranking of the top candidates: clusters of similar articles, and terms in one sentence."""

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
def test_sentence_coverage_counts_one_sentence_and_the_title(
    title: str, text: str, share: float
) -> None:
    assert sentence_coverage(FEE, title, text) == pytest.approx(share)


def test_a_synonym_counts_as_the_query_term() -> None:
    assert (
        sentence_coverage([WeightedTerm(("お金", "返金"), 1.0)], "", "ﾍﾝｷﾝ ではなく返金です。")
        == 1.0
    )


def test_spelling_variants_count_as_the_same_term() -> None:
    assert (
        sentence_coverage(
            [WeightedTerm(("キャンセル",), 1.0)], "", "きゃんせるできます。ｷｬﾝｾﾙ料はありません。"
        )
        == 1.0
    )


def test_a_query_without_terms_has_no_coverage() -> None:
    assert sentence_coverage([], "返品", "返品できます。") == 0.0


def test_a_similar_article_moves_up(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_softmax_weights_follow_the_scores() -> None:
    shares = fusion.softmax_weights(np.array([0.5, 0.5, 0.1], dtype=np.float32))
    assert shares.sum() == pytest.approx(1) and shares[0] == shares[1] > 0.49


def test_proximity_applies_only_without_a_similar_question() -> None:
    assert fusion.proximity_gate(np.array([0.9, 0.1], dtype=np.float32)) == 0.0
    assert fusion.proximity_gate(np.array([0.1, 0.0], dtype=np.float32)) > 0.1


def test_a_query_far_from_all_questions_forms_no_cluster() -> None:
    assert fusion.cluster_gate(np.array([0.0], dtype=np.float32)) < 0.1 * fusion.cluster_gate(
        np.array([0.7], dtype=np.float32)
    )


def test_terms_in_one_sentence_rank_before_scattered_terms(monkeypatch: pytest.MonkeyPatch) -> None:
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
