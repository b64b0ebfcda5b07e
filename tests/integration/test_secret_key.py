"""The key that signs cookies and links: the same on all nodes, and kept over an upgrade."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from kb_app.db.secret_key import site_key


def test_nodes_that_start_at_once_get_one_key(engine: Engine, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(lambda node: site_key(engine, tmp_path / str(node)), range(4)))
    assert len(keys) == 1 and len(keys.pop()) > 40


def test_the_key_of_an_earlier_version_is_taken_over(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("the key of before\n", encoding="utf-8")
    assert site_key(engine, tmp_path) == "the key of before"
    assert site_key(engine, tmp_path / "another node") == "the key of before"


def test_an_empty_key_file_gives_no_empty_key(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "secret-key").touch()
    assert len(site_key(engine, tmp_path)) > 40


def test_a_key_file_that_cannot_be_read_is_not_replaced(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "secret-key").mkdir()
    with pytest.raises(OSError, match="directory"):
        site_key(engine, tmp_path)


def test_a_node_with_another_key_file_is_told(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stored = site_key(engine, tmp_path / "first")
    (tmp_path / "secret-key").write_text("QZX7")
    assert site_key(engine, tmp_path) == stored
    assert "is not the key in the database" in caplog.text and "QZX7" not in caplog.text
