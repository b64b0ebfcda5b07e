"""As operators and writers use it: start, save, stop, and what goes wrong."""

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
from kb_app.services import usual_workers
from search.bundle import Builds
from search.processors import parts, usual
from tests.e2e.conftest import ROOT, Site, start_site
from tests.support import write_article

SHOWN = [("パスワードを忘れた", "ja", "ja-reset-password"), ("my parcel never came", "en", "en-parcel-not-arrived")]


def search(site: Site, text: str, lang: str) -> dict:  # type: ignore[type-arg]
    answer: dict = site.api(f"/api/v1/search?q={quote(text)}&lang={lang}")  # type: ignore[type-arg]
    return answer


def threads(site: Site) -> list[int]:
    """The threads of the process that serves."""
    return [int(path.name) for path in Path(f"/proc/{site.process.pid}/task").iterdir()]


def children(site: Site) -> list[int]:
    """The processes that a site started."""
    files = (Path(f"/proc/{thread}/task/{thread}/children") for thread in threads(site))
    return [int(name) for file in files for name in file.read_text(encoding="ascii").split()]


@pytest.mark.model
@pytest.mark.parametrize(("text", "lang", "wanted"), SHOWN)
def test_customers_words_find_the_article(site: Site, text: str, lang: str, wanted: str) -> None:
    answer = search(site, text, lang)
    assert answer["hits"][0]["article_id"] == wanted and answer["verdict"] == "strict" and answer["degraded"] == ""
    assert {"keyword", "passage", "question"} <= answer["hits"][0]["arms"].keys()


@pytest.mark.model
@pytest.mark.parametrize("text", ["宇宙旅行の予約", "今日の天気は?", "who won the world cup", "best pizza in rome"])
def test_what_nobody_wrote_about_is_not_claimed(site: Site, text: str) -> None:
    assert search(site, text, "ja")["verdict"] != "strict"


@pytest.mark.model
def test_thirty_two_clients_with_endless_questions_are_all_answered(site: Site) -> None:
    asked = [f"/api/v1/search?q={quote('返品したい ' * 1_650 + str(number))}&lang=ja" for number in range(32)]
    with ThreadPoolExecutor(32) as clients:
        answers = list(clients.map(site.get, asked))
    assert {status for status, _ in answers} == {200} and site.get("/healthz")[0] == 200
    assert all(json.loads(text)["hits"][0]["article_id"] == "ja-return-item" for _, text in answers)


@pytest.mark.model
@pytest.mark.skipif(len(usual()) < 2, reason="one processor, or a system that keeps no thread to some")
def test_some_processors_rank_and_serve_while_the_others_compute_vectors(site: Site) -> None:
    site.wait(lambda: site.api("/readyz").get("workers", 0) > 0, 120)
    dealt, asked = parts(usual_workers(os.cpu_count() or 1)), [f"/api/v1/search?q={quote(f'返品したい {number}')}&lang=ja" for number in range(200)]
    with ThreadPoolExecutor(8) as visitors:
        answers = visitors.map(site.get, asked)
        site.wait(lambda: {dealt.model, dealt.rest} <= {frozenset(os.sched_getaffinity(thread)) for thread in threads(site)}, 10)
        assert {status for status, _ in answers} == {200}
    search(site, "返品したい", "ja")
    assert usual() in {frozenset(os.sched_getaffinity(thread)) for thread in threads(site)}, "who asks alone may use all"


@pytest.mark.model
@pytest.mark.parametrize("text", ["返金はいつ届きますか", "送料はいくらですか"])
def test_a_known_answer_is_quoted_from_its_article(site: Site, text: str) -> None:
    answer = search(site, text, "ja")
    article = site.api(f"/api/v1/articles/{answer['answer']['article_id']}")
    assert answer["verdict"] == "strict" and answer["answer"]["text"] in "\n".join(section["text"] for section in article["sections"])


@pytest.mark.model
def test_nearly_every_test_of_the_sample_articles_is_first(site: Site) -> None:
    from datetime import UTC, datetime

    from indexer.library import Library

    library = Library.open(Builds(site.data / "index").open_current())
    cards = library.visible(datetime.now(UTC), frozenset({"public"}))
    missed = [(card.id, test) for card in cards for test in card.tests if [hit["article_id"] for hit in search(site, test, card.lang)["hits"][:1]] != [card.id]]
    count = sum(len(card.tests) for card in cards)
    assert count > 100 and len(missed) <= 0.08 * count, missed


def test_the_sample_articles_have_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--strict", "--articles", str(ROOT / "articles")]) == 0, capsys.readouterr().out


@pytest.mark.model
def test_a_saved_article_is_searchable_a_moment_later(site: Site) -> None:
    write_article(site.articles, "ja/orders/zebra.md", "しまうまの注文方法", "しまうまは取り扱っておりません。", tests=["シマウマ 買いたい"])
    site.wait(lambda: "しまうま" in str(search(site, "しまうま", "ja")["hits"][:1]), 30)
    site.wait(lambda: "シマウマ 買いたい" in site.get("/writer/panel")[1], 10)
    (site.articles / "ja/orders/zebra.md").write_text("---\ntitle: [\n---\n", encoding="utf-8")
    site.wait(lambda: "ja/orders/zebra.md:" in site.get("/writer/panel")[1] and "YAML" in site.get("/writer/panel")[1], 30)
    assert "しまうま" in str(search(site, "しまうま", "ja")["hits"][:1]), "the last good version is still served"
    (site.articles / "ja/orders/zebra.md").unlink()
    site.wait(lambda: "しまうま" not in str(search(site, "しまうま", "ja")["hits"][:1]), 30)


@pytest.mark.model
def test_no_log_line_holds_a_query_or_an_address(site: Site) -> None:
    search(site, "秘密の言葉zyxw", "ja")
    site.get("/ja/articles/zyxw-name")
    log = site.log.read_text(encoding="utf-8")
    assert "/api/v1/search" in log and "zyxw" not in log and "秘密" not in log and "127.0.0.1" not in log.split("Listening on")[-1].split("\n", 1)[-1]


@pytest.fixture
def off_site(tmp_path: Path):  # type: ignore[no-untyped-def]
    running = start_site(ROOT / "articles", tmp_path / "var", KB_EMBEDDING_MODEL="off")
    running.wait(lambda: running.get("/readyz")[0] == 200, 120)
    yield running
    running.stop(signal.SIGKILL)


def test_with_the_model_off_words_still_find_it_and_it_is_said(off_site: Site) -> None:
    for text, lang, wanted in SHOWN:
        answer = search(off_site, text, lang)
        assert answer["hits"][0]["article_id"] == wanted and answer["degraded"] == "off"
    assert "Search by meaning is off" in off_site.get("/en/search?q=password")[1]
    assert "search by meaning is off" in off_site.log.read_text(encoding="utf-8")
    started = time.monotonic()
    assert off_site.stop() == 0 and time.monotonic() - started < 10
    assert "Stopped." in off_site.log.read_text(encoding="utf-8")


def test_eight_visitors_are_answered_while_a_search_worker_is_killed_and_another_comes(tmp_path: Path) -> None:
    running = start_site(ROOT / "articles", tmp_path / "var", KB_EMBEDDING_MODEL="off", KB_WORKERS="1")
    running.wait(lambda: running.api("/readyz").get("workers") == 1, 120)
    (worker,) = children(running)
    asked = [f"/api/v1/search?q={quote(f'{SHOWN[0][0]} {number}')}&lang={SHOWN[0][1]}" for number in range(200)]
    with ThreadPoolExecutor(8) as visitors:
        answers = visitors.map(running.get, asked)
        os.kill(worker, signal.SIGKILL)
        answered = list(answers)
    assert {status for status, _ in answered} == {200}
    assert all(json.loads(text)["hits"][0]["article_id"] == SHOWN[0][2] for _, text in answered)
    running.wait(lambda: "search worker is lost" in running.log.read_text(encoding="utf-8") or running.api("/readyz").get("workers") == 1)
    running.wait(lambda: running.api("/readyz").get("workers") == 1)
    assert running.stop(signal.SIGTERM) == 0


def test_a_model_that_is_not_to_be_had_leaves_keyword_search(tmp_path: Path) -> None:
    running = start_site(ROOT / "articles", tmp_path / "var", KB_EMBEDDING_MODEL=str(tmp_path))
    running.wait(lambda: running.get("/readyz")[0] == 200, 120)
    answer = search(running, *SHOWN[0][:2])
    assert answer["hits"][0]["article_id"] == SHOWN[0][2] and answer["degraded"] == "failed"
    assert "modules.json" in running.log.read_text(encoding="utf-8")
    assert running.stop(signal.SIGTERM) == 0


def test_a_port_in_use_is_said_at_once(off_site: Site, tmp_path: Path) -> None:
    port = off_site.url.rsplit(":", 1)[1]
    environment = os.environ | {"KB_PORT": port, "KB_DATA": str(tmp_path / "other"), "KB_EMBEDDING_MODEL": "off"}
    command = [sys.executable, "-m", "flask", "--app", "kb_app", "kb", "serve"]
    refused = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2 and f"Cannot listen on 127.0.0.1:{port}" in refused.stderr and "PORT=" in refused.stderr


def test_a_missing_articles_folder_is_said(tmp_path: Path) -> None:
    environment = os.environ | {"KB_ARTICLES": str(tmp_path / "none"), "KB_DATA": str(tmp_path), "KB_EMBEDDING_MODEL": "off", "KB_PORT": "18999"}
    command = [sys.executable, "-m", "flask", "--app", "kb_app", "kb", "serve"]
    refused = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2 and "There is no articles folder" in refused.stderr


@pytest.mark.parametrize("after", [0.3, 0.8, 1.3, 1.8, 2.6])
def test_a_build_killed_at_any_point_leaves_what_is_served(tmp_path: Path, after: float) -> None:
    articles, data = tmp_path / "articles", tmp_path / "var"
    shutil.copytree(ROOT / "articles", articles)
    command = ["build", "--articles", str(articles), "--data", str(data), "--model", "off"]
    assert main(command) == 0
    before = Builds(data / "index").current_name()
    for path in articles.rglob("*.md"):
        path.write_text(path.read_text(encoding="utf-8") + "\n\n追記 addition\n", encoding="utf-8")
    killed = subprocess.Popen([sys.executable, "-m", "indexer", *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after)
    killed.kill()
    killed.wait()
    bundle = Builds(data / "index").open_current()
    assert bundle.version >= str(before)
    assert main(command) == 0
    assert not list((data / "index").glob(".building-*"))
