"""Unpacking the model."""

import os
from pathlib import Path

from search.embedding.bundled_model import ABANDONED_S, work_folder


def test_what_a_killed_process_left_is_removed_and_another_process_keeps_its_own(
    tmp_path: Path,
) -> None:
    left, at_work = tmp_path / ".onnx.1", tmp_path / ".onnx.2"
    for folder in (left, at_work):
        folder.mkdir()
    long_ago = left.stat().st_mtime - ABANDONED_S - 1
    os.utime(left, (long_ago, long_ago))
    mine = work_folder(tmp_path / "onnx")
    assert not left.exists() and at_work.exists() and not mine.exists()
