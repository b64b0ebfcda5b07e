"""The answerability verdict: its features, its calibration and the rejected calibration files."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.model import Article, Section
from indexer.query_tests import try_article
from search.engine import Engine
from search.errors import CalibrationError
from search.model import OwnAnswer, Query
from search.ranking.answerability import AnswerFeatures, read, shipped, write
from search.ranking.calibration import fit, for_model
from search.testing import HashEmbedder
from tests.support import NOW, article, memory_engine

ARTICLES = [
    article(
        "refund",
        "返金の時期",
        "返金は5営業日です。銀行により前後します。\n振込先は変えられません。",
        questions=("お金はいつ戻りますか",),
    ),
    article(
        "password",
        "パスワードを忘れたとき",
        "1. ログイン画面を開きます。\n2. 「忘れた方」を押します。\n3. メールの番号を入れます。",
    ),
    article("shipping", "送料はいくらか", "全国一律600円です。5,000円以上は無料です。"),
    article("picture", "店の地図", ""),
]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return memory_engine(ARTICLES)


def samples(seed: int, semantic: bool = True) -> list[tuple[AnswerFeatures, bool]]:
    chance = random.Random(seed)

    def one(answered: bool) -> AnswerFeatures:
        level = 0.7 if answered else 0.3
        noisy = [min(1.0, max(0.0, level + chance.gauss(0, 0.15))) for _ in range(4)]
        return AnswerFeatures(
            coverage=noisy[0],
            lead=noisy[3] / 10,
            information=1.0,
            title_coverage=noisy[0],
            known=noisy[0],
            passage=noisy[1] if semantic else None,
            question=noisy[2] if semantic else None,
            focus_gap=0.0 if semantic else None,
        )

    return [(one(answered), answered) for answered in (True, False) for _ in range(60)]


def test_the_shipped_calibration_has_a_data_sheet() -> None:
    sheet = shipped().sheet
    assert sheet["answered"] > 2_000 and sheet["unanswered"] > 1_000
    assert sheet["both_arms"]["auroc"] > 0.95 and sheet["both_arms"]["ece"] < 0.06
    assert 0 < shipped().weak < shipped().strict < 1


LITTLE = AnswerFeatures(0.1, 0.0, 1.0, 0.0, 0.5, passage=0.8, question=0.0, focus_gap=0.0)
MUCH = AnswerFeatures(0.8, 0.0, 1.0, 1.0, 1.0, passage=0.9, question=0.5, focus_gap=0.0)


def test_more_evidence_raises_the_probability() -> None:
    assert shipped().probability(LITTLE) < 0.2 and shipped().probability(MUCH) > 0.8
    words = [replace(one, passage=None, question=None, focus_gap=None) for one in (LITTLE, MUCH)]
    assert shipped().probability(words[0]) < shipped().probability(words[1])


@pytest.mark.parametrize(
    "more",
    [
        {"coverage": 0.9},
        {"lead": 0.3},
        {"title_coverage": 0.9},
        {"known": 1.0},
        {"passage": 0.95},
        {"question": 0.4},
        {"focus_told": 0.9},
        {"focus_gap": 0.0},
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_no_evidence_lowers_the_probability(more: dict[str, float], named: bool) -> None:
    some = AnswerFeatures(0.4, 0.1, 0.8, 0.2, 0.6, named, 0.2, 0.83, 0.1, 0.04)
    assert shipped().probability(replace(some, **more)) >= shipped().probability(some)


def test_an_untold_property_of_a_known_thing_is_doubted() -> None:
    told = AnswerFeatures(0.5, 0.1, 0.8, 0.5, 1.0, True, 0.5, 0.86, 0.2, 0.0)
    assert shipped().probability(replace(told, focus_gap=0.08)) < shipped().probability(told) - 0.3


def test_a_fit_separates_its_training_samples(tmp_path: Path) -> None:
    fitted = fit(
        [samples(1)], [samples(2, semantic=False)], "model-x", 0.6, 0.2, {"fitted_to": "test"}
    )
    assert fitted.sheet["both_arms"]["auroc"] > 0.9 and fitted.sheet["answered"] == 60
    yes, no = samples(3)[0][0], samples(3)[-1][0]
    assert (
        fitted.verdict(fitted.probability(yes)) == "strict"
        and fitted.verdict(fitted.probability(no)) == "none"
    )
    write(tmp_path / "c.json", fitted)
    assert read(tmp_path / "c.json") == fitted


def test_too_few_queries_are_refused() -> None:
    with pytest.raises(CalibrationError, match="there are 60 and 5"):
        fit([samples(1)[:65]], [samples(1, semantic=False)[:65]], "m", 0.6, 0.2, {})


def test_a_calibration_of_another_model_is_refused() -> None:
    with pytest.raises(CalibrationError, match="another embedding model"):
        for_model(replace(shipped(), model="other"), "this", "var/calibration.json")
    assert for_model(replace(shipped(), model="this"), "this", "x").model == "this"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"signs": 0}, "another version"),
        ({"both": [1, 2]}, "13 finite numbers"),
        ({"keyword": [1, 2, 3, "x", 5, 6, 7, 8, 9]}, "cannot be read"),
        ({"both": [float("nan")] * 13}, "13 finite numbers"),
        ({"strict": 0.1, "weak": 0.9}, "must not be above"),
    ],
)
def test_a_damaged_calibration_is_refused_with_a_fix(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    path = tmp_path / "calibration.json"
    write(path, shipped())
    path.write_text(json.dumps(json.loads(path.read_text()) | change), encoding="utf-8")
    with pytest.raises(CalibrationError, match=words) as refused:
        read(path)
    assert "kb calibrate" in str(refused.value)


def test_invalid_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(CalibrationError, match="cannot be read"):
        read(tmp_path / "c.json")


def test_the_answer_is_quoted_from_the_article(engine: Engine) -> None:
    results = engine.search(Query("お金はいつ戻りますか、返金の時期は", lang="ja", now=NOW))
    assert results.verdict == "strict" and results.answer is not None
    assert results.answer.article_id == results.hits[0].article_id == "refund"
    assert results.answer.text in results.answer.passage.text and "5営業日" in results.answer.text
    [block, *_] = results.answer.blocks
    assert any(block.text[start:end] == "返金" for start, end in block.spans)


def test_nothing_is_quoted_without_a_strict_verdict(engine: Engine) -> None:
    for text in ("宇宙旅行の予約", "株価", "返金 and something else entirely in other words"):
        results = engine.search(Query(text, lang="ja", now=NOW))
        assert results.verdict == "strict" or results.answer is None


def test_an_article_with_only_an_image_is_found_without_a_quote(engine: Engine) -> None:
    results = engine.search(Query("店の地図", lang="ja", now=NOW))
    assert results.hits[0].article_id == "picture" and results.answer is None


def test_the_answer_features_of_a_query(engine: Engine) -> None:
    answer_features = engine.answer_features(Query("送料", lang="ja", now=NOW))
    assert (
        answer_features is not None
        and answer_features.coverage > 0
        and not answer_features.has_vectors
    )
    assert engine.answer_features(Query("", now=NOW)) is None
    both = memory_engine(ARTICLES, HashEmbedder()).answer_features(
        Query("送料", lang="ja", now=NOW)
    )
    assert both is not None and both.has_vectors and len(both.values()) == 12


@pytest.mark.parametrize(
    ("target", "quoted"),
    [
        ("#late", "遅れたときはご連絡ください。"),
        ("ちょうど5日です。", "ちょうど5日です。"),
        ("#gone", "5日です。"),
    ],
)
def test_a_writer_says_what_answers_a_question(target: str, quoted: str) -> None:
    sections = (
        Section("", "", 0, "5日です。"),
        Section("遅れ", "late", 2, "遅れたときはご連絡ください。"),
    )
    question = "お届けはいつですか"
    given = article(
        "time",
        "お届けの日",
        questions=(question,),
        sections=sections,
        answers=(OwnAnswer(question, target, 1),),
    )
    results = memory_engine([given]).search(Query(f"{question}?", lang="ja", now=NOW))
    assert results.answer is not None and results.answer.text.startswith(quoted)


def test_tests_say_what_the_quote_lacks(engine: Engine) -> None:
    expect = (("お金はいつ戻りますか", ("5営業日", "10日")), ("返金の時期", ("5 営業日",)))
    trials = try_article(
        engine, "refund", "ja", [query for query, _ in expect], NOW, frozenset({"public"}), expect
    )
    assert [(trial.rank, trial.lacks, trial.passed) for trial in trials] == [
        (1, ("10日",), False),
        (1, (), True),
    ]


def test_of_a_story_only_the_introduction_is_quoted() -> None:
    sections = (
        Section("", "", 0, "二重に見えるときは、注文が1件か2件かを確かめてください。"),
        Section("Aさんの例", "a", 2, "Aさんの引き落としは1回だけでした。"),
    )
    told = article("story", "二重に引き落とされた例", sections=sections, type="case")
    results = memory_engine([told]).search(Query("Aさんの引き落としは1回だけ", lang="ja", now=NOW))
    assert results.hits[0].article_id == "story"
    assert results.answer is None or "Aさん" not in results.answer.text


def test_where_only_the_topic_is_known_the_results_say_so() -> None:
    engine = memory_engine(
        [
            article(
                "pair",
                "ヘッドホンTB-200をつなぐ",
                "電源ボタンを7秒押します。",
                questions=("TB-200",),
            ),
            *(article(f"other{n}", f"返品の手順{n}", "返品は30日以内です。") for n in range(20)),
        ],
        HashEmbedder(),
    )
    results = engine.search(Query("TB-200 フジツボ", lang="ja", now=NOW))
    assert results.verdict == "partly" and results.answer is None
    assert (results.topic, results.focus) == ("TB-200", "フジツボ")


@pytest.mark.parametrize("embedder", [None, HashEmbedder()])
@pytest.mark.parametrize("kind", ["faq", "case"])
def test_a_writers_answer_is_found_in_a_long_article_and_a_story(
    embedder: HashEmbedder | None, kind: str
) -> None:
    parts = tuple(Section(f"節{n}", f"p{n}", 2, f"{n}番目の節の文です。") for n in range(150))
    question = "返金は何日ですか"
    given = article(
        "long",
        "長い記事",
        questions=(question,),
        sections=parts,
        type=kind,
        answers=(OwnAnswer(question, "#p140", 1),),
    )
    engine = memory_engine([given], embedder)
    engine.calibration = replace(shipped(), strict=0.0, weak=0.0)
    results = engine.search(Query(question, lang="ja", now=NOW))
    assert results.answer is not None and results.answer.text == "140番目の節の文です。"


def test_a_writers_text_needs_nothing_else_to_quote() -> None:
    rule = "#1 の決まり: 10日です。"
    given = article(
        "map", "店の地図", questions=("何日か",), answers=(OwnAnswer("何日か", rule, 1),)
    )
    engine = memory_engine([given])
    engine.calibration = replace(shipped(), strict=0.0, weak=0.0)
    results = engine.search(Query("何日か", lang="ja", now=NOW))
    assert results.answer is not None and results.answer.text == rule


def test_it_is_never_said_that_a_code_is_missing_that_is_there() -> None:
    engine = memory_engine(
        [
            article("dryer", "乾燥機DR-5のエラーコード", "E-70: ベルトが切れています。"),
            *(article(f"other{n}", f"返品の手順{n}", "返品は30日以内です。") for n in range(20)),
        ],
        HashEmbedder(),
    )
    for query in ("乾燥機 E-70", "乾燥機のe70って何の意味ですか"):
        assert engine.search(Query(query, lang="ja", now=NOW)).verdict != "partly"


def surely_answering(*articles: Article) -> Engine:
    engine = memory_engine([*articles], HashEmbedder())
    engine.calibration = replace(shipped(), strict=0.0, weak=0.0)
    return engine


def test_who_asks_for_an_amount_is_quoted_the_amount() -> None:
    fee = article(
        "fee",
        "代金引換の手数料",
        "代金引換の手数料は、お客様に手数料としてお願いしています。\n代金引換では330円を払います。",
    )
    results = surely_answering(fee).search(Query("代金引換の手数料はいくら", lang="ja", now=NOW))
    assert results.answer is not None and "330円" in results.answer.text


def test_a_quote_without_the_amount_asked_for_is_no_answer() -> None:
    filters = article("filter", "掃除機のフィルター", "フィルターは外して水で洗えます。")
    engine = surely_answering(filters)
    results = engine.search(Query("掃除機のフィルターはいくら", lang="ja", now=NOW))
    assert (results.verdict, results.answer) == ("weak", None) and results.probability <= 0.5
    assert engine.search(Query("掃除機のフィルターを洗う", lang="ja", now=NOW)).answer


def test_what_the_writer_gives_as_the_answer_is_quoted_as_it_is() -> None:
    question = "フィルターはいくらですか"
    own = OwnAnswer(question, "店でたずねてください。", 1)
    told = article(
        "filter", "掃除機のフィルター", "水で洗えます。", questions=(question,), answers=(own,)
    )
    results = surely_answering(told).search(Query(question, lang="ja", now=NOW))
    assert results.answer is not None and results.answer.text == own.target


def test_a_product_beside_a_question_does_not_hide_the_answer() -> None:
    engine = memory_engine(
        [
            article("pair", "ヘッドホンTB-200", "電源を7秒押します。", questions=("TB-200",)),
            article("return", "返品する", "30日以内に送り返します。", questions=("返品",)),
            *(article(f"other{n}", f"会員登録{n}", "メールで登録します。") for n in range(20)),
        ],
        HashEmbedder(),
    )
    named = engine.search(Query("TB-200 返品", lang="ja", now=NOW))
    assert [hit.article_id for hit in named.hits[:2]] == ["return", "pair"]
    assert 0 < named.probability <= 0.5 and named.answer is None
    untold = engine.search(Query("TB-200 フジツボ", lang="ja", now=NOW))
    assert untold.hits[0].article_id == "pair" and untold.verdict == "partly"
