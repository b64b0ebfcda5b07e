"""The site as an operator starts it: a separate process, the sample articles, the real model.

A real browser opens its pages.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright

from indexer.build import Paths, build
from search.embedding.background import BackgroundEmbedder
from tests.e2e.shop import Shop, open_shop
from tests.fake_desks import free_port

ROOT = Path(__file__).resolve().parents[2]
# Headless Chromium names itself in its user agent and would be classified as a bot.
PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--user-agent={PERSON}",
]


@dataclass
class Site:
    """A running ``kb serve``."""

    url: str
    process: subprocess.Popen[str]
    log: Path
    articles: Path
    data: Path
    _opened: list[Any] = field(default_factory=list)

    def get(self, path: str) -> tuple[int, str]:
        """Return the status and the text of a page."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def api(self, path: str) -> Any:
        """Return the JSON of an API response."""
        return json.loads(self.get(path)[1])

    def wait(self, holds: Callable[[], bool], seconds: float = 240) -> None:
        """Wait until the condition holds; fail with the end of the log at the timeout."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")[-3000:]
            try:
                if holds():
                    return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.2)
        pytest.fail(self.log.read_text(encoding="utf-8")[-3000:])

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Stop the process and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(60)


def start_site(
    articles: Path, data: Path, program: Sequence[str] = ("-m", "kb_app"), **settings: str
) -> Site:
    """Start ``kb serve``, or another Python program with the same arguments.

    The caller waits until the site is ready.
    """
    port = free_port()
    data.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    environment |= {
        "KB_CONFIG": os.devnull,
        "KB_ARTICLES": str(articles),
        "KB_DATA": str(data),
        "KB_PORT": str(port),
        "KB_CONTACT_MAIL": "help@example.com",
        "KB_RATE_LIMIT": "off",
        "KB_WRITER_PANEL": "local",
    }
    environment |= {
        "KB_SITE_NAME": "Tsubame Store Help",
        "KB_CONTACT_PHONE": "0120-000-123",
        **settings,
    }
    log = data / "serve.log"
    command = [sys.executable, *program, "serve"]
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=file,
            stderr=file,
            text=True,
            preexec_fn=_heed_interrupts,  # noqa: PLW1509, no threads run here
        )
    return Site(f"http://127.0.0.1:{port}", process, log, articles, data)


def _heed_interrupts() -> None:
    """Restore the SIGINT handler: a test runner in the background may ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def site(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The sample articles with the real model."""
    folder = tmp_path_factory.mktemp("e2e")
    articles = folder / "articles"
    shutil.copytree(ROOT / "articles", articles)
    (folder / "var").mkdir()
    (folder / "var" / "model").symlink_to(model_folder.parent)
    running = start_site(articles, folder / "var")
    # Each web process loads the model for itself, and any of them answers.
    running.wait(lambda: all(_meaning(running) == "ready" for _ in range(20)), 420)
    yield running
    running.stop(signal.SIGKILL)


def _meaning(site: Site) -> str:
    return str(site.api("/readyz").get("meaning"))


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    opened = playwright.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
    yield opened
    opened.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages that fail the test on any script error."""
    contexts = []
    errors: list[str] = []

    def opened(
        url: str,
        width: int = 1280,
        height: int = 900,
        locale: str = "ja-JP",
        scheme: str = "light",
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            color_scheme=scheme,
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, real_embedder: BackgroundEmbedder) -> Path:
    """The sample articles and their index, built once per test session."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT / "articles", folder / "articles")
    build(Paths(folder / "articles", folder / "var"), real_embedder)
    return folder


@pytest.fixture
def shop(tmp_path: Path, built: Path, real_embedder: BackgroundEmbedder) -> Iterator[Shop]:
    """The sample shop with its clock set to 1 December 2026."""
    with open_shop(built, tmp_path, real_embedder) as opened:
        yield opened
