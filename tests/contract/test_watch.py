"""The watcher over a real folder."""

import shutil
import threading
import time
from pathlib import Path

from indexer.model import BuildReport
from indexer.watch import watch
from tests.support import build_folder, write_article


def test_a_folder_that_is_replaced_is_watched_again(tmp_path: Path) -> None:
    folder, data = tmp_path / "articles", tmp_path / "var"
    write_article(folder, "ja/a.md", "一")
    stop = threading.Event()
    reports: list[BuildReport] = []
    watcher = threading.Thread(target=watch, args=(folder, lambda: build_folder(folder, data), reports.append, stop))
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
