"""A build with the real parts: it skips bad articles, publishes atomically and is incremental."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from indexer.article_store import ArticleStore
from indexer.build import Paths, build
from indexer.bundling.build_cache import BuildCache
from indexer.errors import ArticlesFolderError, BuildFailedError
from indexer.query_tests import failed_tests
from search.embedding.background import DisabledEmbedder
from search.engine import Engine
from search.errors import BuildInProgressError, BundleError
from search.index.bundle import Builds, checksum
from search.index.contents import DocumentTokens
from search.model import Query
from search.testing import HashEmbedder
from search.vectors.centering import centre_one
from tests.support import (
    NOW,
    PUBLIC,
    build_folder,
    fast_thread_switching,
    open_engine,
    write_article,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    articles = tmp_path / "articles"
    write_article(
        articles,
        "ja/returns/refund.md",
        "返金の時期",
        "返金は5営業日です。\n\n[パスワード](../account/password.md)\n\n![図](a.png)",
    )
    write_article(articles, "ja/account/password.md", "パスワードを忘れた", "再設定できます。")
    write_article(
        articles,
        "en/account/password.md",
        "Forgotten password",
        "Reset it.",
        translation_of="ja-account-password",
    )
    (articles / "ja/returns/a.png").write_bytes(b"png")
    return articles


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "var"


def first(engine: Engine, text: str) -> str:
    return engine.search(Query(text, lang="ja", now=NOW)).hits[0].article_id


def test_a_built_article_is_found_and_read(folder: Path, data: Path) -> None:
    report = build_folder(folder, data)
    assert report.articles == 3 and report.problems == () and report.embedded > 0
    assert first(open_engine(data), "パスワード忘れ") == "ja-account-password"
    articles = ArticleStore.open(Builds(data / "index").open_current())
    article = articles.article("ja-returns-refund")
    assert (
        article is not None
        and 'href="kb:ja-account-password"' in article.html
        and "kb-image:" in article.html
    )


def test_a_second_build_embeds_and_publishes_nothing(folder: Path, data: Path) -> None:
    before = build_folder(folder, data)
    after = build_folder(folder, data)
    assert (after.embedded, after.published, after.version) == (0, False, before.version)


def test_one_edit_embeds_only_what_changed(folder: Path, data: Path) -> None:
    build_folder(folder, data)
    write_article(
        folder, "ja/account/password.md", "パスワードを忘れた", "合言葉で再設定できます。"
    )
    report = build_folder(folder, data)
    assert report.embedded == 1 and report.changed == ("ja-account-password",)
    assert first(open_engine(data), "合言葉") == "ja-account-password"


def test_a_removed_article_is_gone(folder: Path, data: Path) -> None:
    build_folder(folder, data)
    (folder / "ja/returns/refund.md").unlink()
    build_folder(folder, data)
    engine = open_engine(data)
    assert all(
        hit.article_id != "ja-returns-refund" for hit in engine.search(Query("返金", now=NOW)).hits
    )
    assert engine.corpus.keyword.matching("ja", ["営業日"], []) == set()


def test_a_bad_article_is_reported_and_the_others_are_built(folder: Path, data: Path) -> None:
    write_article(folder, "ja/bad.md", "一", status="soon")
    report = build_folder(folder, data)
    assert report.articles == 3 and [problem.path for problem in report.errors] == ["ja/bad.md"]


def test_the_last_valid_version_of_a_broken_article_is_served(folder: Path, data: Path) -> None:
    build_folder(folder, data)
    (folder / "ja/account/password.md").write_text("---\ntitle: 'open\n---\n", encoding="utf-8")
    report = build_folder(folder, data)
    assert "still served" in report.errors[0].hint
    assert first(open_engine(data), "パスワード") == "ja-account-password"


def test_another_model_embeds_everything_again(folder: Path, data: Path) -> None:
    build_folder(folder, data)
    report = build_folder(folder, data, HashEmbedder(salt="two"))
    assert report.embedded > 0 and report.published


def built(folder: Path, data: Path) -> str:
    """Build; the name of the build's folder."""
    build_folder(folder, data)
    return str(Builds(data / "index").current_name())


def test_nodes_name_a_build_of_the_same_articles_alike(folder: Path, tmp_path: Path) -> None:
    one = build_folder(folder, tmp_path / "one").version
    assert build_folder(folder, tmp_path / "other").version == one
    write_article(folder, "ja/returns/new.md", "新しい記事")
    assert build_folder(folder, tmp_path / "one").version != one
    (folder / "ja/returns/new.md").unlink()
    assert build_folder(folder, tmp_path / "one").version == one


def test_without_a_model_the_keyword_part_is_valid(folder: Path, data: Path) -> None:
    report = build_folder(folder, data, DisabledEmbedder())
    assert report.degraded == "off"
    results = open_engine(data, DisabledEmbedder()).search(Query("パスワード", lang="ja", now=NOW))
    assert results.hits[0].article_id == "ja-account-password" and results.degraded == "off"


def test_a_missing_folder_keeps_the_served_index(folder: Path, data: Path) -> None:
    before = built(folder, data)
    with pytest.raises(ArticlesFolderError):
        build_folder(folder / "none", data)
    assert Builds(data / "index").current_name() == before


def test_an_empty_folder_is_an_empty_site(tmp_path: Path, data: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = build_folder(tmp_path / "empty", data)
    assert report.articles == 0 and report.errors == ()
    engine = open_engine(data)
    assert (
        engine.search(Query("返金", now=NOW)).hits == ()
        and engine.lookups.suggest("a", "ja", 5, NOW, PUBLIC) == []
    )


def test_two_builds_at_once_are_refused(folder: Path, data: Path) -> None:
    builds = Builds(data / "index")
    with builds.building(), pytest.raises(BuildInProgressError, match="Another build"):
        build_folder(folder, data)


def test_a_full_disk_keeps_the_served_index(folder: Path, data: Path) -> None:
    """A file size limit simulates a full disk, at one file after another."""
    before = built(folder, data)
    write_article(folder, "ja/new.md", "新しい", "本文。" * 300)
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from indexer.errors import BuildFailedError; from tests.support import build_folder\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); folder, data = map(Path, sys.argv[1:])\n"
        "for limit in (300, 900, 2_500, 5_000, 9_000, 20_000):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "    try: build_folder(folder, data)\n"
        "    except BuildFailedError as error: print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(data)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ran.stdout.splitlines()
    assert len(lines) == 6 and all("goes on being served" in line for line in lines), (
        ran.stdout + ran.stderr
    )
    assert Builds(data / "index").open_current().name == before
    assert not list((data / "index").glob(".building-*"))
    assert build_folder(folder, data).published


@pytest.mark.parametrize(
    "name", ["passages.jsonl", "impacts/ja-words/values.npy", "questions.npy", "library.json"]
)
def test_a_flipped_byte_is_refused_and_the_previous_build_is_served(
    folder: Path, data: Path, name: str
) -> None:
    before = built(folder, data)
    write_article(folder, "ja/new.md", "新しい")
    after = built(folder, data)
    path = data / "index" / after / name
    spoilt = bytearray(path.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    path.unlink()
    path.write_bytes(spoilt)
    bundle = Builds(data / "index").open_current()
    assert bundle.name == before


def test_a_verified_file_is_verified_again_after_it_was_touched(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, read = built(folder, data), list[Path]()
    monkeypatch.setattr(
        "search.index.bundle.checksum", lambda path: (read.append(path), checksum(path))[1]
    )
    builds = Builds(data / "index")
    assert builds.open_current().name == name and not read, "this process wrote it a moment ago"
    (data / "index" / name / "library.json").touch()
    assert builds.open_current().name == name and read
    read.clear()
    assert builds.open_current().name == name and not read


def test_another_schema_is_refused_with_what_to_run(folder: Path, data: Path) -> None:
    name = built(folder, data)
    path = data / "index" / name / "manifest.json"
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"schema": 99}), encoding="utf-8"
    )
    with pytest.raises(BundleError, match=r"schema 99.*python -m indexer build"):
        Builds(data / "index").open_current()


def test_old_builds_are_pruned_and_linked_files_untouched(folder: Path, data: Path) -> None:
    for number in range(6):
        write_article(folder, "ja/new.md", "新しい", f"本文{number}")
        build_folder(folder, data)
    builds = Builds(data / "index")
    assert len(builds.names()) == 3
    for name in builds.names():
        from search.index.bundle import open_bundle

        open_bundle(data / "index" / name)


def test_tokens_and_vectors_are_cached_at_the_same_time(tmp_path: Path) -> None:
    cache, texts = (
        BuildCache(tmp_path / "cache.sqlite"),
        [f"配送の案内 {number}" for number in range(20_000)],
    )
    quick = SimpleNamespace(encode=lambda part, _kind: np.ones((len(part), 2), np.float32))
    with fast_thread_switching(), ThreadPoolExecutor(1) as beside:
        vectors = beside.submit(
            cache.vectors, quick, texts, texts.__getitem__, "passage", lambda _done, _all: None
        )
        for text in texts:
            cache.store_tokens(DocumentTokens(text, [text], [], [], []))
    cache.commit()
    assert vectors.result()[1] == len(texts) == len(cache.tokens(texts))
    cache.close()


def test_a_damaged_cache_is_recreated(folder: Path, data: Path) -> None:
    paths = Paths(folder, data)
    paths.cache.parent.mkdir(parents=True)
    paths.cache.write_bytes(os.urandom(5_000))
    assert build(paths, HashEmbedder()).articles == 3


def test_a_cache_that_cannot_be_opened_is_not_treated_as_damaged(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_folder(folder, data)
    kept = Paths(folder, data).cache.read_bytes()
    # As on a full disk: SQLite cannot run the statement, but the file is not damaged.
    monkeypatch.setattr("indexer.bundling.build_cache._TABLES", "insert into nowhere values (1);")
    with pytest.raises(BuildFailedError, match="could not be written"):
        build_folder(folder, data)
    assert Paths(folder, data).cache.read_bytes() == kept


def test_an_invalid_cache_record_is_recreated(folder: Path, data: Path) -> None:
    build_folder(folder, data)
    with sqlite3.connect(Paths(folder, data).cache) as damaged:
        damaged.execute("update articles set record = 'nonsense'")
    damaged.close()
    assert build_folder(folder, data).articles == 3


def test_a_file_that_breaks_the_renderer_is_reported(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ValueError("unforeseen")

    def here(_seconds: float, function: Callable[..., object], *given: object) -> Future[object]:
        done: Future[object] = Future()
        done.set_result(function(*given))
        return done

    monkeypatch.setattr("indexer.isolation.IsolatedProcess.submit", staticmethod(here))
    monkeypatch.setattr("indexer.reading.article.render", broken)
    report = build_folder(folder, data)
    assert report.articles == 0 and {problem.code for problem in report.errors} == {"unreadable"}


def test_builds_share_no_file(folder: Path, data: Path) -> None:
    build_folder(folder, data)
    write_article(folder, "ja/new.md", "新しい")
    build_folder(folder, data)
    assert {path.stat().st_nlink for path in (data / "index").rglob("*") if path.is_file()} == {1}


def test_a_file_of_another_type_is_not_an_image(folder: Path, data: Path) -> None:
    write_article(folder, "ja/new.md", "新しい", "![図](account/password.md)")
    build_folder(folder, data)
    assert not [path for path in (data / "index").rglob("images/*") if path.suffix == ".md"]


def test_words_of_expired_articles_are_not_spelling_suggestions(folder: Path, data: Path) -> None:
    write_article(folder, "en/a.md", "Quazzledorf", "Quazzledorf is over.", expire_at="2020-01-01")
    write_article(folder, "en/b.md", "Grommelfix", "Grommelfix stays.")
    build_folder(folder, data)
    keyword = open_engine(data).corpus.keyword
    assert (
        keyword.correct("en", "quazzledorx") is None
        and keyword.correct("en", "grommelfox") == "grommelfix"
    )


def test_a_changed_image_is_a_new_bundle(folder: Path, data: Path) -> None:
    before = build_folder(folder, data).version
    (folder / "ja/returns/a.png").write_bytes(b"other")
    assert build_folder(folder, data).version != before


def test_synonyms_are_part_of_the_index(folder: Path, data: Path) -> None:
    before = build_folder(folder, data)
    (folder / "synonyms.yml").write_text(
        "ja:\n  - [返品, おもどし]\n  - a: [b]\n  - b: [a]\n", encoding="utf-8"
    )
    report = build_folder(folder, data)
    assert report.published and report.version != before.version
    assert [problem.code for problem in report.problems if problem.path == "synonyms.yml"] == [
        "synonyms-loop",
        "synonyms-loop",
    ]
    assert open_engine(data).corpus.synonyms.matches("ja", "おもどしの方法")[0].alternatives == (
        "返品",
    )


def test_a_model_that_returns_nan_leaves_keyword_search(folder: Path, data: Path) -> None:
    class Broken(HashEmbedder):
        def encode(self, texts, kind):  # type: ignore[no-untyped-def]
            return super().encode(texts, kind) * np.nan

    report = build_folder(folder, data, Broken())
    assert report.degraded == "failed" and report.articles
    assert first(open_engine(data, Broken()), "返金") == "ja-returns-refund"
    build_folder(folder, data)
    results = open_engine(data, Broken()).search(Query("返金", lang="ja", now=NOW))
    assert results.degraded == "failed" and results.hits[0].article_id == "ja-returns-refund"


def test_failing_search_tests_are_reported_with_the_articles_ranked_above(
    folder: Path, data: Path
) -> None:
    write_article(
        folder,
        "ja/returns/idle.md",
        "包装紙の色",
        "青と白があります。",
        tests=["返品の送料と期限", "包装紙は何色"],
    )
    problems = failed_tests(folder, data, HashEmbedder())
    assert [problem.path for problem in problems if "idle" in problem.path] == [
        "ja/returns/idle.md"
    ]
    (problem,) = [problem for problem in problems if "idle" in problem.path]
    assert (
        "返品の送料と期限" in str(problem)
        and ("finds it at rank" in str(problem) or "does not find it" in str(problem))
        and "above it: " in str(problem)
    )
    assert not (data / "index").exists(), "what is served is left alone"


def vectors_by_text(data: Path) -> dict[tuple[str, str], np.ndarray]:
    """The vectors of the current index by article and passage, and by article and question."""
    corpus = open_engine(data).corpus
    assert corpus.semantic is not None
    passages = {
        ("passage", corpus.passage(row).id): vector
        for row, vector in enumerate(corpus.semantic.passages.vectors)
    }
    asked = [
        (corpus.documents[row].id, text)
        for row in range(len(corpus.documents))
        for text in (corpus.documents[row].title,)
    ]
    return passages | {
        ("question", name): corpus.semantic.questions.vectors[row]
        for row, (name, _) in enumerate(asked)
    }


def many_articles(folder: Path, count: int) -> None:
    for number in range(count):
        write_article(
            folder,
            f"ja/orders/a{number:03}.md",
            f"質問その{number}",
            f"答えは{number * 7}番の窓口です。",
        )


def test_an_edit_reuses_unchanged_vectors_of_the_previous_index(tmp_path: Path) -> None:
    folder, data = tmp_path / "articles", tmp_path / "var"
    many_articles(folder, 300)
    build_folder(folder, data)
    before = vectors_by_text(data)
    (data / "cache" / "build.sqlite").unlink()
    write_article(folder, "ja/orders/a077.md", "まったく別の話", "住所の変更はこちらです。")
    (folder / "ja/orders/a003.md").unlink()
    report = build_folder(folder, data)
    assert report.embedded == 2, "one passage and one title"
    after = vectors_by_text(data)
    changed = {
        key
        for key, vector in before.items()
        if key not in after or not np.array_equal(after[key], vector)
    }
    assert {name.split("#")[0] for _, name in changed} == {"ja-orders-a003", "ja-orders-a077"}


def test_an_edit_of_the_text_alone_copies_the_questions_vectors(tmp_path: Path) -> None:
    folder, data, fresh = tmp_path / "articles", tmp_path / "var", tmp_path / "fresh"
    many_articles(folder, 30)
    before = built(folder, data)
    write_article(folder, "ja/orders/a007.md", "質問その7", "住所の変更はこちらです。")
    report = build_folder(folder, data)
    build_folder(folder, fresh)
    index = data / "index"
    assert report.embedded == 1, "the passage alone"
    assert (index / before / "questions.npy").read_bytes() == (
        index / str(Builds(index).current_name()) / "questions.npy"
    ).read_bytes()
    one, other = vectors_by_text(data), vectors_by_text(fresh)
    assert one.keys() == other.keys() and all(
        np.allclose(one[key], other[key], atol=1e-6) for key in one
    )


def test_many_edits_give_the_same_index_as_a_full_build(tmp_path: Path) -> None:
    folder, edited, fresh = tmp_path / "articles", tmp_path / "edited", tmp_path / "fresh"
    many_articles(folder, 300)
    build_folder(folder, edited)
    for number in range(10):
        write_article(
            folder, f"ja/orders/a{number:03}.md", f"住所の変更その{number}", "窓口でお受けします。"
        )
    build_folder(folder, edited)
    build_folder(folder, fresh)
    one, other = vectors_by_text(edited), vectors_by_text(fresh)
    assert one.keys() == other.keys() and all(
        np.allclose(one[key], other[key], atol=1e-6) for key in one
    )


def test_a_question_in_two_languages_is_centred_in_each(tmp_path: Path) -> None:
    folder, data = tmp_path / "articles", tmp_path / "var"
    many_articles(folder, 200)
    write_article(folder, "ja/orders/wifi.md", "Wi-Fi", "接続の手順です。")
    write_article(folder, "en/orders/return.md", "Return a parcel", "Send it back.")
    build_folder(folder, data)
    write_article(folder, "en/orders/wifi.md", "Wi-Fi", "How to connect.")
    report = build_folder(folder, data)
    semantic, found = open_engine(data).corpus.semantic, vectors_by_text(data)
    assert semantic is not None and report.embedded == 1, (
        "the title's vector is known, the passage's is not"
    )
    asked = HashEmbedder().encode(["Wi-Fi"], "query")[0]
    for lang in ("ja", "en"):
        assert np.allclose(
            found["question", f"{lang}-orders-wifi"],
            centre_one(asked, lang, semantic.centres),
            atol=1e-6,
        )
