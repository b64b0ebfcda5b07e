"""The watcher on a real folder."""

import shutil
import threading
import time
from pathlib import Path

import pytest

import indexer.watch
from indexer.errors import BuildFailedError
from indexer.model import BuildReport
from indexer.watch import attempt, watch
from tests.support import build_folder, write_article


def test_a_folder_that_is_replaced_is_watched_again(tmp_path: Path) -> None:
    folder, data = tmp_path / "articles", tmp_path / "var"
    write_article(folder, "ja/a.md", "一")
    stop = threading.Event()
    reports: list[BuildReport] = []
    watcher = threading.Thread(
        target=watch, args=(folder, lambda: build_folder(folder, data), reports.append, stop)
    )
    watcher.start()
    try:
        time.sleep(0.7)
        shutil.move(folder, tmp_path / "old")
        time.sleep(0.7)
        shutil.copytree(tmp_path / "old", folder)
        write_article(folder, "ja/b.md", "二")
        end = time.monotonic() + 15
        while time.monotonic() < end and not (reports and reports[-1].articles == 2):
            time.sleep(0.1)
    finally:
        stop.set()
        watcher.join(5)
    assert reports[-1].articles == 2


def test_what_is_saved_during_the_first_build_is_not_lost(tmp_path: Path) -> None:
    folder, data = tmp_path / "articles", tmp_path / "var"
    write_article(folder, "ja/a.md", "一")
    stop = threading.Event()
    reports: list[BuildReport] = []

    def rebuild() -> BuildReport:
        report = build_folder(folder, data)
        if not reports:
            write_article(folder, "ja/b.md", "二")
        return report

    watcher = threading.Thread(target=watch, args=(folder, rebuild, reports.append, stop))
    watcher.start()
    try:
        end = time.monotonic() + 15
        while time.monotonic() < end and not (reports and reports[-1].articles == 2):
            time.sleep(0.1)
    finally:
        stop.set()
        watcher.join(5)
    assert [report.articles for report in reports] == [1, 2]


def test_a_build_that_a_full_disk_stopped_is_tried_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer.watch, "PAUSE_SECONDS", 0.01)
    folder, data = tmp_path / "articles", tmp_path / "var"
    write_article(folder, "ja/a.md", "一")
    reports: list[BuildReport] = []
    failures = iter(range(3))

    def rebuild() -> BuildReport:
        if next(failures, None) is not None:
            raise BuildFailedError("The index could not be written: No space left on device.")
        return build_folder(folder, data)

    attempt(rebuild, reports.append, threading.Event())
    assert [report.articles for report in reports] == [1]
