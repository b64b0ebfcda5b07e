"""Untrusted input is read in a child process: slow, hungry or deadly, it stops no other work."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer import collect
from indexer.build import Paths
from indexer.isolation import IsolatedProcess, IsolationError, isolated_process
from indexer.model import Article, Problem
from indexer.reading.article import Read, read_article, read_article_text
from indexer.reading.files import SourceFile
from kb_app.services import support_adapters
from kb_app.services.support_adapters import parse_mail
from kb_app.support.inbound.email_parser import Incoming
from kb_app.support.inbound.quotations import split_reply
from tests.support import build_folder, fast_thread_switching, write_article


def forever(_given: object) -> None:
    while True:
        pass


def hungry(megabytes: int) -> int:
    return len(bytearray(megabytes * 1024 * 1024))


def deadly(_given: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def doubled(number: int) -> int:
    return 2 * number


@pytest.fixture
def process() -> IsolatedProcess:
    return IsolatedProcess()


@pytest.mark.parametrize(
    ("function", "given", "what"),
    [
        (forever, 0, "took too long"),
        (hungry, 4_000, "needed too much memory"),
        (deadly, 0, "stopped its process"),
    ],
)
def test_a_call_that_cannot_end_well_is_stopped_and_the_next_works(
    process: IsolatedProcess, function: Callable[..., object], given: object, what: str
) -> None:
    with pytest.raises(IsolationError, match=what):
        process.run(1.0, function, given)
    assert process.run(20.0, doubled, 21) == 42
    process.close()


def test_an_error_of_the_function_reaches_the_caller(process: IsolatedProcess) -> None:
    with pytest.raises(TypeError):
        process.run(20.0, doubled, None, None)
    process.close()


def test_the_child_ends_with_its_parent() -> None:
    script = (
        "from indexer.isolation import isolated_process\n"
        "import os, time\n"
        "print(isolated_process().run(20.0, os.getpid), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def test_a_script_without_a_guard_and_one_from_a_pipe_may_use_it() -> None:
    script = "from indexer.isolation import isolated_process; import os\n"
    script += "print(isolated_process().run(20.0, os.getppid) == os.getpid())"
    run = subprocess.run(
        [sys.executable, "-"], input=script, capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.split() == ["True"]


def test_a_process_that_could_not_start_is_replaced(process: IsolatedProcess) -> None:
    process._pool.stop()
    process._pool.join()
    assert process.run(20.0, doubled, 21) == 42
    process.close()


def run_in_child() -> None:
    isolated_process().run(20.0, doubled, 21)


def test_a_forked_process_with_a_child_ends() -> None:
    forked = multiprocessing.get_context("fork").Process(target=run_in_child)
    forked.start()
    forked.join(20)
    assert forked.exitcode == 0


def slow_if_asked(file: SourceFile, zone: object) -> Read:
    """Reads an article; "slow" takes too long, "deadly" kills its process. Counts its calls."""
    with Path(file.root, "calls.log").open("a") as log:
        log.write(f"{file.name}\n")
    text = file.path.read_text(encoding="utf-8")
    if "SLOW" in text:
        forever(0)
    if "DEADLY" in text:
        deadly(0)
    return read_article(file)


@pytest.mark.parametrize(("word", "why"), [("SLOW", "took too long"), ("DEADLY", "stopped its")])
def test_an_article_that_stops_its_process_twice_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, why: str
) -> None:
    monkeypatch.setattr(collect, "read_article", slow_if_asked)
    monkeypatch.setattr(collect, "ARTICLE_S", 0.5)
    folder, data = tmp_path / "articles", tmp_path / "var"
    write_article(folder, "ja/bad.md", "悪い", "もとの文。")
    write_article(folder, "ja/good.md", "良い")
    assert build_folder(folder, data).articles == 2
    write_article(folder, "ja/bad.md", "悪い", word)
    write_article(folder, "ja/good.md", "良い", "新しい文。")

    report = build_folder(folder, data)
    assert report.articles == 2
    (problem,) = report.errors
    assert problem.path == "ja/bad.md" and why in problem.message
    assert "set aside until the file changes" in problem.hint and "last good" in problem.hint
    calls = (folder / "calls.log").read_text().split()
    assert calls.count("ja/bad.md") == 3

    assert [str(error) for error in build_folder(folder, data).errors] == [str(problem)]
    assert (folder / "calls.log").read_text().split() == calls
    assert Paths(folder, data).cache.exists()
    write_article(folder, "ja/bad.md", "悪い", "なおした。")
    assert not build_folder(folder, data).errors


BODIES = [
    f"# 見出し {n}\n\n!!! note\n    本文{n}[^{n}]\n\n[^{n}]: 注{n}\n\n<div>SECRETOF{n}X</div>\n\n"
    f"| a | b |\n|---|---|\n| {n} | `code{n}` |\n\n- [x] 済み{n}\n"
    for n in range(8)
]


def test_eight_threads_render_only_their_own_text() -> None:
    def rendered(n: int) -> tuple[Article | None, list[Problem]]:
        return read_article_text(f"ja/a/{n}.md", f"---\nid: a{n}\ntitle: t{n}\n---\n{BODIES[n]}")

    alone = [rendered(n) for n in range(8)]
    wrong: list[int] = []

    def many(n: int) -> None:
        for _ in range(25):
            if rendered(n) != alone[n]:
                wrong.append(n)

    with fast_thread_switching():
        threads = [threading.Thread(target=many, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def html_mail(markup: str) -> bytes:
    head = "From: a@example.com\r\nSubject: hello\r\nContent-Type: text/html\r\n\r\n"
    return (head + markup).encode()


def plain_mail(text: str) -> bytes:
    return f"From: a@example.com\r\nSubject: hello\r\n\r\n{text}".encode()


def many_parts(count: int) -> bytes:
    head = b"From: a@example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    return head + b"--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n" * count + b"--x--"


@pytest.mark.parametrize(
    "raw",
    [
        html_mail("<br" * 350_000),
        html_mail("<div>" * 100_000),
        plain_mail("hello\r\nxxxx<" + "@" * 90_000),
        many_parts(20_000),
    ],
    ids=["unclosed tags", "nested tags", "signature", "parts"],
)
def test_a_mail_made_to_be_slow_is_read_in_a_moment(raw: bytes) -> None:
    started = time.perf_counter()
    mail = parse_mail(raw)
    split_reply(mail.text)
    assert mail.sender == "a@example.com"
    assert time.perf_counter() - started < 10


def endless(_raw: bytes) -> Incoming:
    while True:
        pass


def test_a_mail_that_stops_its_reader_twice_becomes_a_case_of_its_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(support_adapters, "read_mail", endless)
    monkeypatch.setattr(support_adapters, "MAIL_S", 0.2)
    mail = parse_mail(plain_mail("返品したい"))
    assert (mail.sender, mail.automatic) == ("a@example.com", "unreadable")
    assert "返品したい" in mail.text
