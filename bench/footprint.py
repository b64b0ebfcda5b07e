"""Measures time and memory of builds and of the running site, end to end.

    python -m bench.footprint [--beir DIR] [--texts DIR] [--dealt N] [--articles N] [--model NAME]
        [--model-dir DIR] [--json]

Writes Markdown articles from a BEIR collection, plain texts, recombined sample articles and
articles of one sentence. Builds them in a separate process, serves them, edits one article while
it is served, and searches over HTTP. Prints seconds, ms per search and MB: the peak memory of the
build, and the proportional set size (PSS) of all serving processes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.corpus import made_articles, material
from bench.retrieval import load
from indexer.reading.front_matter import slugify


def write_articles(folder: Path, flags: argparse.Namespace) -> int:
    """Write the articles as Markdown files; return their number."""
    written, count = 0, flags.articles
    for title, body in (*_documents(flags.beir, flags.texts), *_dealt(flags.dealt)):
        _write(folder, written, title, body)
        written += 1
    while written < count:
        _write(
            folder,
            written,
            f"Question {written} about product {written % 97}",
            f"Answer {written}: press button {written % 13} for {written % 31} seconds.",
        )
        written += 1
    return written


def _documents(beir: Path | None, texts: Path | None) -> Iterator[tuple[str, str]]:
    if beir:
        for article in load(beir).articles:
            yield article.title, article.sections[0].text if article.sections else ""
    for path in sorted(texts.glob("*.txt")) if texts else ():
        title, _, body = path.read_text(encoding="utf-8").strip().partition("\n")
        yield title.strip(), body


def _dealt(count: int) -> Iterator[tuple[str, str]]:
    """Yield articles of realistic length, recombined from the sample articles (bench/corpus.py)."""
    if count:
        source = material(Path("articles"))
        for article in made_articles(source, 3 * count)[:count]:
            yield (
                article.title,
                "\n\n".join(
                    f"## {section.heading}\n\n{section.text}" for section in article.sections
                ),
            )


def _write(folder: Path, number: int, title: str, body: str) -> None:
    lang = "ja" if re.search("[ぁ-ん]", title + body) else "en"
    path = folder / lang / "bench" / f"{number:05d}-{slugify(title)[:40]}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"---\nid: b{number}\ntitle: {json.dumps(title, ensure_ascii=False)}\n---\n\n{body}\n",
        encoding="utf-8",
    )


def build(articles: Path, data: Path, model: str) -> tuple[float, float]:
    """Run ``python -m indexer build`` in a separate process; return (seconds, peak MB)."""
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "indexer",
        "build",
        "--articles",
        str(articles),
        "--data",
        str(data),
        "--model",
        model,
    ]
    # Exit status 1 only means that some article has errors, which is expected of foreign texts.
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started, resource.getrusage(
        resource.RUSAGE_CHILDREN
    ).ru_maxrss / 1024


def serve(
    articles: Path, data: Path, settings: dict[str, str]
) -> tuple[subprocess.Popen[bytes], str]:
    """Start the site; return the process and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # "env" adds to the inherited environment, so that this module need not read it.
    arguments = [
        f"KB_ARTICLES={articles}",
        f"KB_DATA={data}",
        f"KB_PORT={port}",
        "KB_RATE_LIMIT=off",
        *(f"{k}={v}" for k, v in settings.items()),
    ]
    command = ["env", *arguments, sys.executable, "-m", "kb_app", "serve"]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ), f"http://127.0.0.1:{port}"


def get(url: str) -> Any:
    """Return the JSON response of an API URL; None if the server does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310, an address of ours
            return json.loads(answer.read())
    except OSError:
        return None


def wait(url: str, holds: Any, seconds: float = 600) -> float:
    """Return the seconds until ``holds(response)`` is true.

    Raises TimeoutError after ``seconds``.
    """
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        answer = get(url)
        if answer is not None and holds(answer):
            return time.perf_counter() - started
        time.sleep(0.02)
    raise TimeoutError(url)


def pss(root: int) -> float:
    """Return the proportional set size in MB of a process and its descendants (Linux)."""
    total = 0.0
    for process in [root, *_children(root)]:
        text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE).group(1)) / 1024  # type: ignore[union-attr]
    return total


def _children(root: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{root}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            children += [int(child), *_children(int(child))]
    return children


def measure(flags: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Build, serve, edit and search; return the figures."""
    articles, data = folder / "articles", folder / "var"
    data.mkdir()
    (data / "model").symlink_to(flags.model_dir.resolve())
    figures: dict[str, float] = {"articles": write_articles(articles, flags)}
    figures["build_s"], figures["build_peak_mb"] = build(articles, data, flags.model)
    started = time.perf_counter()
    process, address = serve(articles, data, {"KB_EMBEDDING_MODEL": flags.model})
    try:
        wait(f"{address}/readyz", lambda answer: answer["status"] == "ready")
        figures["pages_after_s"] = time.perf_counter() - started
        wait(f"{address}/readyz", lambda answer: answer["meaning"] in ("ready", "off"))
        figures["meaning_after_s"] = time.perf_counter() - started
        _ask(address, articles, figures)
        figures["serving_pss_mb"] = pss(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return {name: round(value, 2) for name, value in figures.items()}


def _ask(address: str, articles: Path, figures: dict[str, float]) -> None:
    """Measure the seconds from an edit until it is searchable, and the latency of new queries."""
    time.sleep(2)
    edited = next(iter(sorted(articles.rglob("*.md"))))
    edits: list[float] = []
    for number in range(3):
        word = f"quokkaphone{number}"
        edited.write_text(
            edited.read_text(encoding="utf-8") + f"\n\nThe {word} is here.\n", encoding="utf-8"
        )
        found = lambda answer, word=word: any(word in hit["snippet"] for hit in answer["hits"])  # noqa: E731
        edits.append(wait(f"{address}/api/v1/search?q={word}&lang=en&limit=3", found, 60))
    figures["edit_searchable_s"] = sorted(edits)[1]
    times: list[float] = []
    for number in range(40):
        question = urllib.parse.quote(
            f"how do i change setting {number} of my account {os.getpid()}"
        )
        started = time.perf_counter()
        get(f"{address}/api/v1/search?q={question}&lang=en")
        times.append((time.perf_counter() - started) * 1000)
    figures["search_p50_ms"], figures["search_p95_ms"] = sorted(times)[20], sorted(times)[38]


def main() -> None:
    """Parse the flags, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--beir", type=Path, help="collection in BEIR format whose documents become articles"
    )
    parser.add_argument(
        "--texts",
        type=Path,
        help="folder of .txt files that become articles; the first line is the title",
    )
    parser.add_argument(
        "--dealt",
        type=int,
        default=0,
        help="number of articles recombined from sections of the sample articles",
    )
    parser.add_argument(
        "--articles",
        type=int,
        default=0,
        help="add generated articles of one sentence up to this total",
    )
    parser.add_argument("--model", default="", help="like KB_EMBEDDING_MODEL")
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(flags, Path(folder))
    print(
        json.dumps(figures)
        if flags.json
        else "\n".join(f"{name:20s}{value:12,.2f}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
