"""The processes of ``kb serve``: one dies, hangs or is already running."""

import json
import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote

import pytest

from tests.e2e.conftest import ROOT, Site, free_port, start_site
from tests.support import write_article

# A hanging web process is killed after 5 s instead of 30 s.
IMPATIENT = (
    "-c",
    (
        "import kb_app.web.server as server; server.HANG_S = 5; "
        "from kb_app.cli.site import main; main()"
    ),
)
LOST = -1


def named(site: Site, name: str) -> list[int]:
    """PIDs below the supervisor whose name in the process list starts with the given prefix."""
    found, waiting = [], [site.process.pid]
    while waiting:
        process = waiting.pop()
        try:
            waiting += map(
                int,
                Path(f"/proc/{process}/task/{process}/children")
                .read_text(encoding="ascii")
                .split(),
            )
            title = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        found += [process] if title.startswith(name) else []
    return sorted(found)


def web_processes(site: Site) -> list[int]:
    return named(site, "kb web ")


def state(process: int) -> str:
    """A process's name, state and current system call; "" if it has ended."""
    folder = Path(f"/proc/{process}")
    try:
        fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")
        title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        return "" if fields[2].split()[0] == "Z" else f"{process} {title}{fields[2][:12]}"
    except OSError:
        return ""


def web_servers(site: Site) -> list[int]:
    return named(site, "gunicorn: master")


def ask(site: Site, number: int) -> int:
    """Status of a search that is not cached; LOST if the connection broke."""
    try:
        status, text = site.get(f"/api/v1/search?q={quote(f'パスワードを忘れた {number}')}&lang=ja")
    except (OSError, HTTPException, URLError):
        return LOST
    assert status != 200 or json.loads(text)["hits"][0]["article_id"] == "ja-reset-password"
    return status


@pytest.fixture
def small_site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "articles").mkdir()
    write_article(
        tmp_path / "articles",
        "ja/account/reset.md",
        "パスワードを忘れた",
        "再設定できます。",
        id="ja-reset-password",
    )
    running = start_site(
        tmp_path / "articles",
        tmp_path / "var",
        IMPATIENT,
        KB_EMBEDDING_MODEL="off",
        KB_WEB_PROCESSES="2",
    )
    running.wait(lambda: running.get("/readyz")[0] == 200 and len(web_processes(running)) == 2, 60)
    yield running
    running.stop(signal.SIGKILL)


def test_a_web_process_killed_under_load_loses_only_its_own_requests(
    small_site: Site,
) -> None:
    victim, other = web_processes(small_site)
    clients = 8
    with ThreadPoolExecutor(clients) as visitors:
        answers = visitors.map(lambda number: ask(small_site, number), range(400))
        time.sleep(0.3)
        os.kill(victim, signal.SIGKILL)
        statuses = list(answers)
    assert set(statuses) <= {200, LOST} and statuses.count(LOST) <= clients
    small_site.wait(
        lambda: len(web_processes(small_site)) == 2 and victim not in web_processes(small_site), 40
    )
    assert other in web_processes(small_site)


def test_the_site_works_without_the_background_process_until_it_restarts(
    small_site: Site,
) -> None:
    (victim,) = named(small_site, "kb background")
    with ThreadPoolExecutor(8) as visitors:
        answers = visitors.map(lambda number: ask(small_site, number), range(200))
        os.kill(victim, signal.SIGKILL)
        assert set(answers) == {200}
    small_site.wait(lambda: named(small_site, "kb background") not in ([], [victim]), 20)
    write_article(
        small_site.articles,
        "ja/account/zebra.md",
        "しまうまの注文",
        "しまうまは取り扱っておりません。",
    )
    small_site.wait(
        lambda: (
            "しまうま"
            in small_site.get(f"/api/v1/search?q={quote('しまうま')}&lang=ja")[1].split("hits", 1)[
                1
            ]
        ),
        30,
    )
    assert "starting it again" in small_site.log.read_text(encoding="utf-8")


def test_a_vote_is_kept_when_its_process_is_killed_right_after_the_response(
    small_site: Site,
) -> None:
    import requests
    from sqlalchemy import func, select

    from kb_app.db import schema
    from kb_app.db.engine import open_database

    address = f"{small_site.url}/ja/articles/reset/vote"
    browser = {
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    }
    kept = 0
    for number in range(4):
        form_id = f"00000000-0000-4000-8000-00000000000{number}"
        answer = requests.post(
            address,
            data={"value": "yes", "form_id": form_id},
            headers=browser,
            allow_redirects=False,
            timeout=30,
        )
        kept += answer.status_code in (200, 303)
        os.kill(web_processes(small_site)[0], signal.SIGKILL)
        small_site.wait(lambda: len(web_processes(small_site)) == 2, 20)
    table = schema.actions
    with open_database(f"sqlite:///{small_site.data / 'kb.sqlite'}").connect() as connection:
        stored = connection.execute(
            select(func.count()).select_from(table).where(table.c.action_name == "vote_yes")
        ).scalar()
    assert kept == stored == 4


def test_a_hanging_web_process_is_replaced_while_others_answer(small_site: Site) -> None:
    victim, _ = web_processes(small_site)
    os.kill(victim, signal.SIGSTOP)
    with ThreadPoolExecutor(4) as visitors:
        statuses = list(visitors.map(lambda number: ask(small_site, number), range(100)))
    assert set(statuses) <= {200, LOST} and statuses.count(200) >= 96
    small_site.wait(
        lambda: len(web_processes(small_site)) == 2 and victim not in web_processes(small_site), 20
    )


def test_a_second_instance_on_the_same_data_says_so_and_only_serves(
    small_site: Site, tmp_path: Path
) -> None:
    second = start_site(
        small_site.articles, small_site.data, KB_EMBEDDING_MODEL="off", KB_WEB_PROCESSES="1"
    )
    try:
        second.wait(lambda: second.get("/readyz")[0] == 200, 30)
        second.wait(
            lambda: "another background process works on" in second.log.read_text(encoding="utf-8"),
            30,
        )
        assert ask(second, 1) == 200
        small_site.stop(signal.SIGTERM)
        write_article(
            second.articles, "ja/account/okapi.md", "オカピの注文", "オカピは取り扱っておりません。"
        )
        second.wait(
            lambda: "okapi" in second.get(f"/api/v1/search?q={quote('オカピ')}&lang=ja")[1], 30
        )
    finally:
        second.stop(signal.SIGTERM)


def test_all_processes_end_when_the_supervisor_is_killed(small_site: Site) -> None:
    processes = [
        *web_processes(small_site),
        *named(small_site, "kb background"),
        *web_servers(small_site),
    ]
    assert len(processes) == 4
    small_site.stop(signal.SIGKILL)
    end = time.monotonic() + 40
    while remaining := [status for process in processes if (status := state(process))]:
        log = small_site.log.read_text(encoding="utf-8")[-2000:]
        assert time.monotonic() < end, f"{remaining}\n{log}"
        time.sleep(0.1)


def test_web_processes_and_the_background_process_run_separately(tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    write_article(
        tmp_path / "articles",
        "ja/account/reset.md",
        "パスワードを忘れた",
        "再設定できます。",
        id="ja-reset-password",
    )
    background = start_site(
        tmp_path / "articles", tmp_path / "var", KB_EMBEDDING_MODEL="off", KB_WEB_PROCESSES="0"
    )
    try:
        background.wait((tmp_path / "var" / "index" / "CURRENT").exists, 30)
        assert web_processes(background) == [] and len(named(background, "kb background")) == 1
        main = "from kb_app.cli.site import main; import sys; sys.argv[1] = 'web'; main()"
        web = start_site(
            tmp_path / "articles",
            tmp_path / "var",
            ("-c", main),
            KB_EMBEDDING_MODEL="off",
            KB_WEB_PROCESSES="1",
        )
        web.wait(lambda: web.get("/readyz")[0] == 200, 30)
        assert ask(web, 1) == 200 and named(web, "kb background") == []
        assert web.stop(signal.SIGTERM) == 0
    finally:
        assert background.stop(signal.SIGTERM) == 0


def test_startup_reports_wrong_settings(tmp_path: Path) -> None:
    running = start_site(
        ROOT / "articles",
        tmp_path / "var",
        KB_EMBEDDING_MODEL="off",
        KB_WEBPROCESSES="1",
        KB_WORKERS="2",
        KB_THREADS="3",
    )
    running.wait(lambda: running.get("/readyz")[0] == 200, 60)
    log = running.log.read_text(encoding="utf-8")
    assert (
        "Did you mean KB_WEB_PROCESSES?" in log
        and "KB_WORKERS has no effect" in log
        and "KB_THREADS is now KB_HTTP_THREADS" in log
    )
    assert running.stop() == 0


@pytest.fixture
def few_articles(tmp_path: Path) -> Path:
    write_article(tmp_path / "articles", "en/returns/postage.md", "Return postage", "It is free.")
    return tmp_path / "articles"


def metrics_of(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def test_metrics_of_all_processes_are_served_together(few_articles: Path, tmp_path: Path) -> None:
    port = free_port()
    site = start_site(
        few_articles,
        tmp_path / "var",
        KB_METRICS_PORT=str(port),
        KB_WEB_PROCESSES="2",
        KB_EMBEDDING_MODEL="off",
    )
    try:
        site.wait(lambda: site.api("/readyz")["status"] == "ready")
        for number in range(20):
            site.api(f"/api/v1/search?q=postage+{number}&lang=en")
        site.wait(lambda: 'kb_searches_total{verdict="' in metrics_of(port))
        found = metrics_of(port)
        asked = re.search(
            r'kb_requests_total\{.*route="/api/v1/search",status="200"\} 20\.0', found
        )
        assert asked is not None and "postage" not in found
        site.wait(lambda: "kb_index_articles 1.0" in metrics_of(port))
        os.kill(web_processes(site)[0], signal.SIGKILL)
        site.wait(lambda: len(web_processes(site)) == 2)
        assert 'status="200"} 20.0' in metrics_of(port), "what a process counted outlives it"
    finally:
        site.stop()


def test_a_metrics_port_in_use_is_named_and_the_site_serves(
    few_articles: Path, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = {"KB_METRICS_PORT": str(taken.getsockname()[1]), "KB_EMBEDDING_MODEL": "off"}
        site = start_site(few_articles, tmp_path / "var", **settings)
        try:
            site.wait(lambda: site.api("/readyz")["status"] == "ready")
            site.wait(lambda: "set KB_METRICS_PORT" in site.log.read_text(encoding="utf-8"))
            assert site.api("/api/v1/search?q=postage&lang=en")["hits"]
        finally:
            site.stop()


def test_a_node_that_is_to_stop_serves_on_and_is_not_ready(
    few_articles: Path, tmp_path: Path
) -> None:
    settings = {"KB_STOP_DELAY_S": "3", "KB_EMBEDDING_MODEL": "off"}
    site = start_site(few_articles, tmp_path / "var", **settings)
    site.wait(lambda: site.api("/readyz")["status"] == "ready")
    site.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    status, text = site.get("/readyz")
    assert status == 503 and json.loads(text)["status"] == "stopping"
    assert site.get("/api/v1/search?q=postage&lang=en")[0] == 200
    assert site.process.wait(20) == 0
