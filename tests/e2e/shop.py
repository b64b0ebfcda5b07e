"""The sample shop in the test process, with helpers for customers and agents."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page
from werkzeug.serving import make_server

from kb_app import create_app
from kb_app.services.container import Services, build_services
from search.embedding.background import BackgroundEmbedder
from tests.support import make_settings

Opener = Callable[..., Page]
PASSWORD = "correct horse battery"
BEGIN = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


@dataclass
class Shop:
    """The sample shop in the test process, so that tests can move its clock."""

    services: Services
    url: str
    moment: datetime

    def later(self, **by: float) -> None:
        """Advance the clock and run the periodic jobs."""
        self.services.events.flush()
        self.moment += timedelta(**by)
        self.services.analytics.update_episodes(everything=True)
        self.services.analytics.update_gaps()

    @property
    def now(self) -> int:
        """The shop's clock in ms."""
        return int(self.moment.timestamp() * 1000)

    def post(self, **by: float) -> None:
        """Advance the clock, then send everything due and fetch mail."""
        self.services.events.flush()
        self.moment += timedelta(**by)
        self.services.support.run(self.now)

    def heard(self, *names: str, within_s: float = 10.0) -> None:
        """Wait until the browser has sent actions of these names.

        The browser may send them after the page is closed.
        """
        until = time.monotonic() + within_s
        while True:
            self.services.events.flush()
            missing = set(names) - {
                action.action_name for action in self.services.store.actions(0, 2**60)
            }
            if not missing:
                return
            assert time.monotonic() < until, f"never heard of {sorted(missing)}"
            time.sleep(0.05)

    def publish(self) -> None:
        """Publish a new build, as the watcher does after a save."""
        self.services.indexing.publish_build(self.services.indexing.rebuild())
        self.later(minutes=5)


@contextmanager
def open_shop(
    built: Path, folder: Path, embedder: BackgroundEmbedder, begin: datetime = BEGIN, **given: Any
) -> Iterator[Shop]:
    """Serve the shop until the end of the block; ``built`` holds its articles and index."""
    shutil.copytree(built, folder, dirs_exist_ok=True)
    made = Shop(None, "", begin)  # type: ignore[arg-type]
    values = {
        "site_name": "Tsubame Store Help",
        "survey_share": 0,
        "writer_panel": "off",
        "contact_phone": "0120-000-123",
        **given,
    }
    made.services = build_services(
        make_settings(folder / "articles", folder / "var", **values),
        embedder=embedder,
        clock=lambda: made.moment,
    )
    made.services.indexing.publish_build(made.services.indexing.rebuild())
    for role, name in (("lead", "Hanako"), ("agent", "Sato")):
        made.services.users.add(f"{role}@example.com", role, name, PASSWORD)
    server = make_server(
        "127.0.0.1",
        made.services.settings.port if "base_url" in given else 0,
        create_app(made.services),
        threaded=True,
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        made.services.events.close()


def ask(shop: Shop, open_page: Opener, text: str, lang: str = "ja") -> Page:
    """Ask a question as a new visitor."""
    page = open_page(f"{shop.url}/{lang}/", locale=f"{lang}-{lang.upper()}")
    page.get_by_role("combobox").fill(text)
    page.get_by_role("combobox").press("Enter")
    page.wait_for_url("**/search?q=**")
    shop.moment += timedelta(minutes=7)
    return page


def as_lead(shop: Shop, open_page: Opener, path: str = "/desk/", who: str = "lead") -> Page:
    """Open a page signed in as a lead."""
    page = open_page(f"{shop.url}/account/sign-in?next={quote(path)}", locale="ja-JP")
    page.get_by_label("メールアドレス").fill(f"{who}@example.com")
    page.get_by_label("パスワード").fill(PASSWORD)
    page.get_by_role("button", name="ログイン").click()
    page.wait_for_url(f"**{path}")
    return page
