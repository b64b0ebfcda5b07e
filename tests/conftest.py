"""Fixtures with external dependencies: the embedding model and a browser.

A missing dependency skips the test, or fails it when CI=true.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings
from playwright.sync_api import Playwright, sync_playwright

from search.embedding.background import BackgroundEmbedder
from search.embedding.bundled_model import ensure_model
from search.embedding.loader import load_embedder
from search.embedding.onnx_export import ensure_export
from search.errors import ModelError
from tests.criteria import APART, CRITERIA

# Enough generated inputs to find failures, few enough to run on every save.
settings.register_profile("quick", max_examples=50, deadline=None)
# pytest --hypothesis-profile=long tests/unit/test_hostile_texts.py
settings.register_profile("long", max_examples=20_000, deadline=None)
settings.load_profile("quick")

# A test sets what it needs: nothing of the shell, nor of make, may change it.
for _name in [name for name in os.environ if name.startswith("KB_")]:
    del os.environ[_name]
# Nor may the settings of the sample shop.
os.environ["KB_CONFIG"] = os.devnull

ROOT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI") == "true"


def missing(what: str) -> None:
    """Skip the test and name the missing dependency; fail in CI."""
    if IN_CI:
        pytest.fail(f"CI must have it: {what}")
    pytest.skip(what)


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The bundled model, downloaded once into var/model."""
    (ROOT / "var").mkdir(exist_ok=True)
    try:
        # Test processes side by side: the first one fetches it.
        with FileLock(ROOT / "var" / "model.lock"):
            folder = ensure_model(ROOT / "var" / "model")
            ensure_export(folder)
            return folder
    except ModelError as error:
        missing(f"the embedding model cannot be had: {error}")
        raise


@pytest.fixture(scope="session")
def real_embedder(model_folder: Path) -> BackgroundEmbedder:
    """The bundled model, loaded once for all tests."""
    embedder = BackgroundEmbedder(lambda: load_embedder("", model_folder.parent))
    embedder.start()
    assert embedder.wait(120), embedder.failure
    return embedder


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The one Playwright of a test process: a second one is refused while it is open."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the installed Chromium or Chrome."""
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None:
        missing("Chromium is not installed: sudo apt-get install chromium fonts-noto-cjk")
    return str(found)


# --- the table of the accessibility statement -----------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the file that the table is written into."""
    parser.addoption("--accessibility-table", help="write the results by success criterion here")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep with each result the criteria that the test judges: it may come from another process."""
    report = yield
    marks = [number for mark in item.iter_markers("criterion") for number in mark.args]
    report.user_properties += [("criterion", number) for number in marks]
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write the table, where it is asked for."""
    target = config.getoption("--accessibility-table")
    if target:
        reports = [one for found in terminalreporter.stats.values() for one in found]
        Path(target).write_text(accessibility_table(reports, date.today()), "utf-8")


def accessibility_table(reports: Iterable[Any], day: date) -> str:
    """The criteria with their results as JSON; one that a test fails is not met."""
    counts: dict[str, Counter[bool]] = {number: Counter() for number in CRITERIA}
    for report in reports:
        properties = getattr(report, "user_properties", ())
        is_result = getattr(report, "when", "") == "call" or getattr(report, "failed", False)
        for name, number in properties if is_result else ():
            if name == "criterion":
                counts[number][report.passed] += 1
    found = [
        {
            "number": number,
            "level": level,
            "since": since,
            "en": en,
            "ja": ja,
            "result": _result(counts[number], APART.get(number, "not met")),
            "tests": sum(counts[number].values()),
        }
        for number, (level, since, en, ja) in CRITERIA.items()
    ]
    return json.dumps({"day": day.isoformat(), "criteria": found}, ensure_ascii=False, indent=1)


def _result(counted: Counter[bool], otherwise: str) -> str:
    if not counted:
        return otherwise
    return "not met" if counted[False] else "met"
