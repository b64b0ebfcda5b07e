"""Fixtures with external dependencies: the embedding model and a browser.

A missing dependency skips the test, or fails it when CI=true.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from playwright.sync_api import Playwright, sync_playwright

from search.embedding.background import BackgroundEmbedder
from search.embedding.bundled_model import ensure_model
from search.embedding.loader import load_embedder
from search.embedding.onnx_export import ensure_export
from search.errors import ModelError

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
