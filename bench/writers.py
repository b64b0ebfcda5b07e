"""Eight writers preview and save at once; nobody may see, or publish, another's text.

    python -m bench.writers --seconds 60

Serves an empty site, and writers save and preview through the desk. Each preview must hold what
its writer sent and nothing of another. Then the articles are built again one after the other, and
the HTML that is served is compared with that byte for byte.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from indexer.article_store import ArticleStore
from search.index.bundle import Builds

PORT = 8435
BASE = f"http://127.0.0.1:{PORT}"
PASSWORD = "swallow kettle orbit"  # noqa: S105, of accounts that last a minute
_MARK = re.compile(r"mark[0-9]+x[0-9]+x")
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_DIGEST = re.compile(r'name="digest"[^>]*value="([^"]*)"')


@dataclass
class Done:
    """What one writer did."""

    previews: int = 0
    saves: int = 0
    foreign: int = 0
    failed: int = 0


def article_text(number: int, mark: str, chosen: random.Random) -> str:
    """An article with what keeps state while it is rendered: headings, notes, footnotes, tabs."""
    body = "\n\n".join(
        chosen.choice(
            (
                f"## Heading {mark}\n\nText {mark}[^{part}]\n\n[^{part}]: Note {mark}",
                f'!!! note "Title {mark}"\n    Inside {mark}',
                f'=== "Tab {mark}"\n    One\n\n=== "Other {mark}"\n    Two',
                f"| a | b |\n| --- | --- |\n| {mark} | 返品 |",
                f"1. {mark}\n2. [ ] second\n\n```python\nprint('{mark}')\n```",
                f"*[KB]: {mark}\n\nKB stands here.",
            )
        )
        for part in range(chosen.randrange(2, 40))
    )
    return f"---\nid: writer{number}\ntitle: Writer {number} {mark}\n---\n\n{body}\n"


def write(number: int, ends: float) -> Done:
    """Preview and save in turns until the time is over."""
    chosen, done = random.Random(number), Done()
    name = f"en/general/writer{number}.md"
    with requests.Session() as session:
        _sign_in(session, f"writer{number}@example.com")
        while time.monotonic() < ends:
            mark = f"mark{number}x{done.previews + done.saves}x"
            page = session.get(f"{BASE}/desk/edit", params={"name": name}, timeout=30).text
            form = {
                "name": name,
                "text": article_text(number, mark, chosen),
                "csrf_token": _first(_CSRF, page),
                "digest": _first(_DIGEST, page),
                "do": "preview" if chosen.random() < 0.7 else "save",
            }
            answer = session.post(f"{BASE}/desk/edit", form, timeout=30)
            done.failed += answer.status_code != 200
            done.previews += form["do"] == "preview"
            done.saves += form["do"] == "save"
            done.foreign += set(_MARK.findall(answer.text)) != {mark}
    return done


def _sign_in(session: requests.Session, mail: str) -> None:
    page = session.get(f"{BASE}/account/sign-in", timeout=30).text
    form = {"mail": mail, "password": PASSWORD, "csrf_token": _first(_CSRF, page)}
    answer = session.post(f"{BASE}/account/sign-in", form, timeout=30)
    if answer.url.endswith("/sign-in"):
        raise SystemExit(f"{mail} could not sign in: {answer.status_code}")


def _first(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    return found[1] if found else ""


def _html_of(builds: Path) -> dict[str, str]:
    """The HTML of each article of the current build."""
    bundle = Builds(builds).open_current()
    store = ArticleStore.open(bundle)
    ids = [f"writer{number}" for number in range(100)]
    return {name: article.html for name in ids if (article := store.article(name)) is not None}


def _serve(folder: Path, writers: int) -> subprocess.Popen[bytes]:
    for number in range(writers):
        path = folder / "articles" / "en" / "general" / f"writer{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\nid: writer{number}\ntitle: New\n---\nText.\n", encoding="utf-8")
    settings = {
        "KB_ARTICLES": str(folder / "articles"),
        "KB_DATA": str(folder / "var"),
        "KB_PORT": str(PORT),
        "KB_EMBEDDING_MODEL": "off",
        "KB_WEB_PROCESSES": "2",
        "KB_RATE_LIMIT": "off",
        "KB_LOG_LEVEL": "error",
    }
    kb = ["env", *(f"{name}={value}" for name, value in settings.items()), sys.executable, "-m"]
    for number in range(writers):
        account = ["user", "add", f"writer{number}@example.com", "--role", "writer"]
        subprocess.run([*kb, "kb_app", *account, "--password", PASSWORD], check=True)
    return subprocess.Popen([*kb, "kb_app", "serve"])


def _wait_for_site() -> None:
    for _ in range(300):
        try:
            requests.get(f"{BASE}/readyz", timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("the site did not start")


def measure(folder: Path, writers: int, seconds: float) -> int:
    """Let the writers write, and compare; returns the exit status."""
    server = _serve(folder, writers)
    try:
        _wait_for_site()
        ends = time.monotonic() + seconds
        with ThreadPoolExecutor(writers) as pool:
            done = list(pool.map(lambda number: write(number, ends), range(writers)))
        time.sleep(5)
    finally:
        server.terminate()
        server.wait(60)
    serial = ["--articles", str(folder / "articles"), "--data", str(folder / "serial")]
    build = [sys.executable, "-m", "indexer", "build", *serial, "--model", "off"]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    served, alone = _html_of(folder / "var" / "index"), _html_of(folder / "serial" / "index")
    differ = [name for name in alone if served.get(name) != alone[name]]
    foreign, failed = sum(one.foreign for one in done), sum(one.failed for one in done)
    print(
        f"{sum(one.previews for one in done)} previews, {sum(one.saves for one in done)} saves; "
        f"failed {failed}, with another's text {foreign}; "
        f"{len(alone)} articles, {len(differ)} differ from a serial build"
    )
    return 1 if foreign or failed or differ or len(alone) != writers else 0


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        return measure(Path(name), flags.writers, flags.seconds)


if __name__ == "__main__":
    sys.exit(main())
