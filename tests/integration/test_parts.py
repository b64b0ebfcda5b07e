"""One suite over the in-memory parts and the real ones: whoosh, term impacts, faiss."""

import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from search.analysis.analyzer import analyser
from search.analysis.tokens import Token
from search.errors import BundleError
from search.index.bm25 import Bm25Index
from search.index.phrase_index import MAX_SEGMENTS, KeywordEntry, WhooshIndex, write_index
from search.index.postings import Postings
from search.index.record_files import StringFile
from search.ports import KeywordIndex, LexicalScorer, Vector, VectorIndex
from search.testing import MemoryKeywordIndex, MemoryLexicalScorer, MemoryVectors
from search.vectors.vector_index import FileVectors, Strategy, save_vectors, strategy_for
from tests.support import fast_thread_switching

TEXTS = [
    ("refund", "ja", "返品された商品が倉庫に着いてから返金します。カードへの返金は健全です"),
    ("password", "ja", "パスワードを忘れたときは再設定してください"),
    ("en", "en", "Reset your forgotten password on the sign-in page"),
    ("en2", "en", "The sign above the page in the shop"),
]


def entries(texts: Sequence[tuple[str, str, str]]) -> list[KeywordEntry]:
    return [
        KeywordEntry(
            name,
            lang,
            analyser(lang).analyse(text).words,
            analyser(lang).analyse(text).bigrams,
            analyser(lang).analyse(text).surfaces,
        )
        for name, lang, text in texts
    ]


@pytest.fixture(params=["memory", "whoosh"])
def keyword(request: pytest.FixtureRequest, tmp_path: Path) -> KeywordIndex:
    if request.param == "memory":
        return MemoryKeywordIndex(TEXTS)
    write_index(tmp_path / "whoosh", entries(TEXTS))
    return WhooshIndex(tmp_path / "whoosh")


@pytest.mark.parametrize(
    ("lang", "phrases", "excluded", "wanted"),
    [
        ("ja", ["返金します"], [], {"refund"}),
        ("ja", ["返金でした"], [], set()),
        ("ja", ["健"], [], {"refund"}),
        ("ja", ["見"], [], set()),
        ("ja", [], ["パスワード"], {"refund"}),
        ("ja", [], [], {"refund", "password"}),
        ("en", ["forgotten passwords"], [], {"en"}),
        ("en", ["password forgotten"], [], set()),
        ("en", ["page"], ["shop"], {"en"}),
        ("fr", ["page"], [], set()),
    ],
)
def test_phrases_and_exclusions(
    keyword: KeywordIndex, lang: str, phrases: list[str], excluded: list[str], wanted: set[str]
) -> None:
    assert keyword.matching(lang, phrases, excluded) == wanted


def test_spelling_is_corrected_only_where_it_is_wrong(keyword: KeywordIndex) -> None:
    assert keyword.correct("en", "pasword") == "password"
    assert keyword.correct("en", "password") is None
    assert keyword.correct("en", "pagg") is None, "too short to be sure"
    assert keyword.correct("en", "xylophone") is None


def test_concurrent_searches_do_not_disturb_each_other(tmp_path: Path) -> None:
    many = [(f"other{number}", "ja", f"配送の案内{number}と返品の決まり") for number in range(300)]
    write_index(tmp_path / "whoosh", entries([*TEXTS, *many]))
    index = WhooshIndex(tmp_path / "whoosh")
    asked = ["配送の案内", "返品の決まり", "パスワード", "返金します"]
    alone = [index.matching("ja", [phrase], []) for phrase in asked]
    with fast_thread_switching(), ThreadPoolExecutor(4) as visitors:
        together = list(
            visitors.map(lambda turn: index.matching("ja", [asked[turn % 4]], []), range(200))
        )
    assert together == alone * 50


def test_an_index_is_memory_mapped(tmp_path: Path) -> None:
    """A memory-mapped index can be paged out; copying a large index blocks every request."""
    many = [
        (f"other{number}", "ja", f"配送の案内{number}と返品の決まり{number * 7}")
        for number in range(2_000)
    ]
    write_index(tmp_path / "whoosh", entries(many))
    tracemalloc.start()
    index = WhooshIndex(tmp_path / "whoosh")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = sum(path.stat().st_size for path in (tmp_path / "whoosh").glob("*.seg"))
    assert size > 500_000 and held < size / 4
    index.close()


def stored_ids(index: WhooshIndex) -> set[str]:
    """The ids of all documents of the index, in all languages."""
    return {name for lang in ("ja", "en") for name in index.matching(lang, [], [])}


def edited(folder: Path, text: str, number: int) -> Path:
    """Rewrite one document, as a save does; return the folder of the newer index."""
    target = folder.parent / f"whoosh-{number}"
    write_index(target, entries([("password", "ja", text)]), ["password"], folder)
    return target


def test_a_word_of_removed_articles_is_not_suggested(tmp_path: Path) -> None:
    write_index(
        tmp_path / "whoosh", entries([*TEXTS, ("gone", "ja", "極秘プロジェクトツバメの予算")])
    )
    before = WhooshIndex(tmp_path / "whoosh")
    assert before.correct("ja", "ツバメノ")
    write_index(tmp_path / "newer", [], ["gone"], tmp_path / "whoosh")
    newer = WhooshIndex(tmp_path / "newer")
    assert newer.correct("ja", "ツバメノ") is None


def test_edits_are_merged_and_a_large_segment_is_kept(tmp_path: Path) -> None:
    many = [(f"other{number}", "ja", f"配送の案内{number}") for number in range(400)]
    folder = tmp_path / "whoosh"
    write_index(folder, entries([*TEXTS, *many]))
    large = max(folder.glob("*.seg"), key=lambda path: path.stat().st_size).name
    for number in range(3 * MAX_SEGMENTS):
        folder = edited(folder, f"パスワードの再設定その{number}", number)
        assert len(list(folder.glob("*.seg"))) <= MAX_SEGMENTS + 1
    assert (folder / large).is_file()
    last = WhooshIndex(folder)
    assert last.matching("ja", [f"その{3 * MAX_SEGMENTS - 1}"], []) == {
        "password"
    } and not last.matching("ja", ["その3"], ["その35"])
    assert stored_ids(last) == {name for name, _lang, _text in [*TEXTS, *many]}


def test_a_segment_with_many_deletions_is_rewritten(tmp_path: Path) -> None:
    many = [(f"other{number}", "ja", f"配送の案内{number}") for number in range(40)]
    folder = tmp_path / "whoosh"
    write_index(folder, entries([*TEXTS, *many]))
    large = max(folder.glob("*.seg"), key=lambda path: path.stat().st_size).name
    gone = [name for name, _lang, _text in many[:20]]
    write_index(tmp_path / "newer", [], gone, folder)
    for number in range(MAX_SEGMENTS):
        folder = edited(
            folder if number else tmp_path / "newer", f"パスワードの再設定その{number}", number
        )
    assert not (folder / large).exists()
    assert not stored_ids(WhooshIndex(folder)) & set(gone)


def test_an_edit_replaces_documents_and_keeps_the_linked_files(tmp_path: Path) -> None:
    write_index(tmp_path / "one", entries(TEXTS))
    before = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    changed = [("password", "ja", "合言葉を忘れたとき")]
    write_index(tmp_path / "two", entries(changed), ["password", "en2"], tmp_path / "one")
    index = WhooshIndex(tmp_path / "two")
    assert stored_ids(index) == {"refund", "password", "en"}
    assert (
        index.matching("ja", ["合言葉"], []) == {"password"}
        and index.matching("ja", ["パスワード"], []) == set()
    )
    assert {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()} == before


DOCUMENTS = [["a", "b", "b"], ["b", "c"], ["c", "cd", "d"], []]


@pytest.fixture(params=["memory", "built", "saved"])
def lexical(request: pytest.FixtureRequest, tmp_path: Path) -> LexicalScorer:
    if request.param == "memory":
        return MemoryLexicalScorer(DOCUMENTS)
    built = Bm25Index.of(Postings.of(DOCUMENTS))
    if request.param == "built":
        return built
    Bm25Index.write(tmp_path / "impacts", built.postings)
    return Bm25Index.open(tmp_path / "impacts")


def token(text: str, prefix: bool = False) -> Token:
    return Token(text, 0, len(text), prefix)


@pytest.mark.parametrize(
    "asked", [[token("a")], [token("b"), token("c")], [token("c", prefix=True)], [token("zz")], []]
)
def test_scores_match_the_formula(lexical: LexicalScorer, asked: list[Token]) -> None:
    np.testing.assert_allclose(
        lexical.scores(asked), MemoryLexicalScorer(DOCUMENTS).scores(asked), rtol=1e-4
    )


def test_weights_are_idf(lexical: LexicalScorer) -> None:
    assert (
        lexical.weight(token("a")) > lexical.weight(token("b")) > 0 == lexical.weight(token("zz"))
    )
    assert lexical.unknown_weight() > lexical.weight(token("a"))
    asked = [token("a"), token("zz"), token("c", prefix=True)]
    assert lexical.total_weight(asked) == pytest.approx(
        lexical.weight(asked[0]) + lexical.unknown_weight() + lexical.weight(asked[2])
    )


def test_documents_without_words_are_no_error() -> None:
    assert Bm25Index.of(Postings.of([[], []])).scores([token("a")]).tolist() == [0, 0]


def saved(rows: Vector, path: Path, strategy: Strategy | None = None) -> FileVectors:
    save_vectors(path, rows, strategy)
    return FileVectors(path, len(rows))


@pytest.fixture(params=["memory", "exact", "int8 scan", "faiss int8"])
def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> VectorIndex:
    rows = np.eye(5, dtype=np.float32)
    if request.param == "memory":
        return MemoryVectors(rows)
    made = saved(rows, tmp_path / "v.npy", request.param)
    assert made.strategy == request.param
    return made


def test_the_nearest_come_first(vectors: VectorIndex) -> None:
    asked = np.array([0.1, 0.9, 0.3, 0, 0], dtype=np.float32)
    compared = vectors.compare(asked)
    rows, scores = compared.top_k(2)
    assert rows.tolist() == [1, 2] and scores[0] == pytest.approx(0.9)
    allowed = np.array([True, False, True, False, False])
    assert compared.top_k(5, allowed)[0].tolist() == [2, 0]
    assert sorted(compared.top_rows(2).tolist()) == [1, 2] and sorted(
        compared.top_rows(5, allowed).tolist()
    ) == [0, 2]
    assert compared.scores_for(np.array([2, 0])).tolist() == pytest.approx([0.3, 0.1])
    assert len(vectors) == 5 and vectors.vectors.shape == (5, 5)


@pytest.mark.parametrize("rows", [1, 100, 101, 1_600, 1_616, 5_003])
@pytest.mark.parametrize("steps", [5, 100_000])
def test_the_top_scores_are_the_same_as_by_sorting(rows: int, steps: int, tmp_path: Path) -> None:
    # Few steps make equal scores; the highest are adjacent, like the passages of one article.
    scores = np.sort(np.random.default_rng(rows).integers(0, steps, rows))[:, np.newaxis].astype(
        np.float32
    )
    compared = saved(scores, tmp_path / "v.npy", "exact").compare(np.ones(1, dtype=np.float32))
    for allowed in (None, np.arange(rows) % 3 > 0):
        expected = [
            row
            for row in np.argsort(-scores[:, 0], kind="stable").tolist()
            if allowed is None or allowed[row]
        ]
        assert compared.top_k(100, allowed)[0].tolist() == expected[:100]
        last = min(scores[expected[:100], 0], default=0)
        assert sorted(compared.top_rows(100, allowed).tolist()) == sorted(
            row for row in expected if scores[row, 0] >= last
        )


WAYS: tuple[Strategy, ...] = ("exact", "int8 scan", "faiss int8")


@pytest.mark.parametrize("strategy", WAYS)
def test_a_wrong_number_of_vectors_is_refused(strategy: Strategy, tmp_path: Path) -> None:
    saved(np.eye(3, dtype=np.float32), tmp_path / "v.npy", strategy)
    with pytest.raises(BundleError, match="python -m indexer build"):
        FileVectors(tmp_path / "v.npy", 4)


@pytest.mark.parametrize("name", ["v.npy", "v.scan", "v.8bit"])
def test_truncated_vectors_are_refused(name: str, tmp_path: Path) -> None:
    saved(
        np.eye(300, dtype=np.float32),
        tmp_path / "v.npy",
        "faiss int8" if name == "v.8bit" else "int8 scan",
    )
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(BundleError, match=r"cut short.*python -m indexer build"):
        FileVectors(tmp_path / "v.npy", 300)


def test_the_vector_strategy_is_chosen_by_size() -> None:
    assert [strategy_for(rows) for rows in (0, 2_000, 2_001, 100_000, 100_001)] == [
        "exact",
        "exact",
        "int8 scan",
        "int8 scan",
        "faiss int8",
    ]


@pytest.fixture(scope="module")
def clustered() -> Vector:
    """3,000 unit vectors around 40 centres."""
    chance = np.random.default_rng(3)
    centres = chance.normal(size=(40, 64))
    rows = centres[chance.integers(0, 40, 3_000)] + 0.4 * chance.normal(size=(3_000, 64))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("strategy", ["int8 scan", "faiss int8"])
def test_fewer_bits_find_what_exact_vectors_find(
    strategy: Strategy, clustered: Vector, tmp_path: Path
) -> None:
    exact, coarse = (
        saved(clustered, tmp_path / "exact.npy", "exact"),
        saved(clustered, tmp_path / "coarse.npy", strategy),
    )
    shared = [
        len(set(exact.compare(row).top_k(10)[0]) & set(coarse.compare(row).top_k(10)[0])) / 10
        for row in clustered[:100]
    ]
    assert np.mean(shared) >= 0.99


def test_integer_scores_are_exact_for_the_best_and_close_for_all(
    clustered: Vector, tmp_path: Path
) -> None:
    opened, asked = saved(clustered, tmp_path / "v.npy", "int8 scan"), clustered[7]
    compared, allowed = opened.compare(asked), np.arange(3_000) % 3 == 0
    rows, scores = compared.top_k(20, allowed)
    assert allowed[rows].all() and scores.tolist() == pytest.approx(
        (clustered[rows] @ asked).tolist(), abs=1e-6
    )
    everything = np.arange(3_000)
    assert np.abs(compared.scores_for(everything) - clustered @ asked).max() < 0.02


def test_strings_are_read_one_at_a_time(tmp_path: Path) -> None:
    strings = ["", "パスワード", "a", "\ud800", ""]
    StringFile.of(strings).save(tmp_path / "s.bin")
    opened = StringFile.open(tmp_path / "s.bin")
    assert list(opened) == strings and opened[1:3] == strings[1:3] and len(opened) == 5
    (tmp_path / "s.bin").write_bytes(b"short")
    with pytest.raises(ValueError, match="cut short"):
        StringFile.open(tmp_path / "s.bin")
