"""The site as operators and writers use it: start, save, stop and errors."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from indexer.__main__ import main
from search.index.bundle import Builds
from tests.e2e.conftest import ROOT, Site, start_site
from tests.support import write_article

SHOWN = [
    ("パスワードを忘れた", "ja", "ja-reset-password"),
    ("my parcel never came", "en", "en-parcel-not-arrived"),
]


def search(site: Site, text: str, lang: str) -> dict:  # type: ignore[type-arg]
    answer: dict = site.api(f"/api/v1/search?q={quote(text)}&lang={lang}")  # type: ignore[type-arg]
    return answer


@pytest.mark.model
@pytest.mark.parametrize(("text", "lang", "wanted"), SHOWN)
def test_customer_wording_finds_the_article(site: Site, text: str, lang: str, wanted: str) -> None:
    answer = search(site, text, lang)
    assert (
        answer["hits"][0]["article_id"] == wanted
        and answer["verdict"] == "strict"
        and answer["degraded"] == ""
    )
    assert {"keyword", "passage", "question"} <= answer["hits"][0]["arms"].keys()


@pytest.mark.model
@pytest.mark.parametrize(
    "text", ["宇宙旅行の予約", "今日の天気は?", "who won the world cup", "best pizza in rome"]
)
def test_unanswerable_queries_get_no_strict_verdict(site: Site, text: str) -> None:
    assert search(site, text, "ja")["verdict"] != "strict"


@pytest.mark.model
def test_32_clients_with_very_long_queries_are_all_answered(site: Site) -> None:
    asked = [
        f"/api/v1/search?q={quote('返品したい ' * 1_650 + str(number))}&lang=ja"
        for number in range(32)
    ]
    with ThreadPoolExecutor(32) as clients:
        answers = list(clients.map(site.get, asked))
    assert {status for status, _ in answers} == {200} and site.get("/healthz")[0] == 200
    assert all(json.loads(text)["hits"][0]["article_id"] == "ja-return-item" for _, text in answers)


@pytest.mark.model
@pytest.mark.parametrize("text", ["返金はいつ届きますか", "送料はいくらですか"])
def test_a_known_answer_is_quoted_from_its_article(site: Site, text: str) -> None:
    answer = search(site, text, "ja")
    article = site.api(f"/api/v1/articles/{answer['answer']['article_id']}")
    whole = "\n".join(section["text"] for section in article["sections"])
    lines = [line for block in answer["answer"]["blocks"] for line in block["text"].split("\n")]
    assert answer["verdict"] == "strict" and lines and all(line in whole for line in lines)


@pytest.mark.model
def test_most_search_tests_of_the_sample_articles_rank_first(site: Site) -> None:
    from datetime import UTC, datetime

    from indexer.article_store import ArticleStore

    articles = ArticleStore.open(Builds(site.data / "index").open_current())
    cards = articles.visible(datetime.now(UTC), frozenset({"public"}))
    missed = [
        (card.id, test)
        for card in cards
        for test in card.tests
        if [hit["article_id"] for hit in search(site, test, card.lang)["hits"][:1]] != [card.id]
    ]
    count = sum(len(card.tests) for card in cards)
    assert count > 100 and len(missed) <= 0.08 * count, missed


def test_the_sample_articles_have_no_problems(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--strict", "--articles", str(ROOT / "articles")]) == 0, (
        capsys.readouterr().out
    )


@pytest.mark.model
def test_a_saved_article_becomes_searchable(site: Site) -> None:
    write_article(
        site.articles,
        "ja/orders/zebra.md",
        "しまうまの注文方法",
        "しまうまは取り扱っておりません。",
        tests=["シマウマ 買いたい"],
    )
    site.wait(lambda: "しまうま" in str(search(site, "しまうま", "ja")["hits"][:1]), 30)
    site.wait(lambda: "シマウマ 買いたい" in site.get("/writer/panel")[1], 10)
    (site.articles / "ja/orders/zebra.md").write_text("---\ntitle: [\n---\n", encoding="utf-8")
    site.wait(
        lambda: (
            "ja/orders/zebra.md:" in site.get("/writer/panel")[1]
            and "YAML" in site.get("/writer/panel")[1]
        ),
        30,
    )
    assert "しまうま" in str(search(site, "しまうま", "ja")["hits"][:1]), (
        "the last good version is still served"
    )
    (site.articles / "ja/orders/zebra.md").unlink()
    site.wait(lambda: "しまうま" not in str(search(site, "しまうま", "ja")["hits"][:1]), 30)


@pytest.mark.model
def test_no_log_line_contains_a_query_or_an_address(site: Site) -> None:
    search(site, "秘密の言葉zyxw", "ja")
    site.get("/ja/articles/zyxw-name")
    log = site.log.read_text(encoding="utf-8")
    assert (
        "/api/v1/search" in log
        and "zyxw" not in log
        and "秘密" not in log
        and "127.0.0.1" not in log.split("Listening on")[-1].split("\n", 1)[-1]
    )


@pytest.fixture
def off_site(tmp_path: Path):  # type: ignore[no-untyped-def]
    running = start_site(ROOT / "articles", tmp_path / "var", KB_EMBEDDING_MODEL="off")
    running.wait(lambda: running.get("/readyz")[0] == 200, 120)
    yield running
    running.stop(signal.SIGKILL)


def test_with_the_model_off_keyword_search_works_and_pages_say_so(off_site: Site) -> None:
    for text, lang, wanted in SHOWN:
        answer = search(off_site, text, lang)
        assert answer["hits"][0]["article_id"] == wanted and answer["degraded"] == "off"
    assert "Search by meaning is off" in off_site.get("/en/search?q=password")[1]
    assert "search by meaning is off" in off_site.log.read_text(encoding="utf-8")
    started = time.monotonic()
    assert off_site.stop() == 0 and time.monotonic() - started < 10
    assert "Stopped." in off_site.log.read_text(encoding="utf-8")


def test_an_unavailable_model_leaves_keyword_search(tmp_path: Path) -> None:
    running = start_site(
        ROOT / "articles", tmp_path / "var", KB_EMBEDDING_MODEL=str(tmp_path), KB_WEB_PROCESSES="1"
    )
    running.wait(lambda: running.api("/readyz")["meaning"] == "failed", 120)
    answer = search(running, *SHOWN[0][:2])
    assert answer["hits"][0]["article_id"] == SHOWN[0][2] and answer["degraded"] == "failed"
    assert "modules.json" in running.log.read_text(encoding="utf-8")
    assert running.stop(signal.SIGTERM) == 0


def test_a_port_in_use_is_reported(off_site: Site, tmp_path: Path) -> None:
    port = off_site.url.rsplit(":", 1)[1]
    environment = os.environ | {
        "KB_PORT": port,
        "KB_DATA": str(tmp_path / "other"),
        "KB_EMBEDDING_MODEL": "off",
    }
    command = [sys.executable, "-m", "kb_app", "serve"]
    refused = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (
        refused.returncode == 2
        and f"Cannot listen on 127.0.0.1:{port}" in refused.stderr
        and "PORT=" in refused.stderr
    )


def test_a_missing_articles_folder_is_reported(tmp_path: Path) -> None:
    environment = os.environ | {
        "KB_ARTICLES": str(tmp_path / "none"),
        "KB_DATA": str(tmp_path),
        "KB_EMBEDDING_MODEL": "off",
        "KB_PORT": "18999",
    }
    command = [sys.executable, "-m", "kb_app", "serve"]
    refused = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode == 2 and "There is no articles folder" in refused.stderr


@pytest.mark.parametrize("after", [0.3, 0.8, 1.3, 1.8, 2.6])
def test_a_build_killed_at_any_point_keeps_the_served_index(tmp_path: Path, after: float) -> None:
    articles, data = tmp_path / "articles", tmp_path / "var"
    shutil.copytree(ROOT / "articles", articles)
    command = ["build", "--articles", str(articles), "--data", str(data), "--model", "off"]
    assert main(command) == 0
    before = Builds(data / "index").current_name()
    for path in articles.rglob("*.md"):
        path.write_text(path.read_text(encoding="utf-8") + "\n\n追記 addition\n", encoding="utf-8")
    killed = subprocess.Popen(
        [sys.executable, "-m", "indexer", *command],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(after)
    killed.kill()
    killed.wait()
    bundle = Builds(data / "index").open_current()
    assert bundle.name >= str(before)
    assert main(command) == 0
    assert not list((data / "index").glob(".building-*"))
