"""``kb init`` makes a site that is right at once, and replaces nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml


def kb(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = "from kb_app.cli.site import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "KB_EMBEDDING_MODEL": "off"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_new_site_has_no_problem_and_its_article_is_found(tmp_path: Path) -> None:
    made = kb("init", "site", "--name", "私のヘルプ", folder=tmp_path)
    assert made.returncode == 0 and "kb serve" in made.stdout, made.stderr
    site = tmp_path / "site"
    shown = kb("settings", folder=site)
    assert "KB_SITE_NAME=私のヘルプ" in shown.stdout and shown.stderr == ""
    check = subprocess.run(
        [sys.executable, "-m", "indexer", "check", "--strict", "--articles", "articles"],
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr
    built = kb("build", folder=site)
    assert built.returncode == 0 and "2 articles" in built.stdout, built.stdout + built.stderr
    workflow = yaml.safe_load((site / ".github" / "workflows" / "check.yml").read_text())
    assert "indexer check" in workflow["jobs"]["check"]["steps"][-1]["run"]


def test_nothing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "kb.toml").write_text("port = 1")
    refused = kb("init", ".", folder=tmp_path)
    assert refused.returncode == 1 and "kb.toml exists. Nothing was written" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kb.toml"]


def test_a_wrong_time_zone_is_refused(tmp_path: Path) -> None:
    refused = kb("init", "site", "--timezone", "Tokio", folder=tmp_path)
    assert refused.returncode == 1 and "Asia/Tokyo" in refused.stderr
    assert not (tmp_path / "site").exists()


def test_a_command_makes_no_site_where_there_is_none(tmp_path: Path) -> None:
    for command in (["user", "list"], ["backup", "kb.zip"], ["tasks"]):
        refused = kb(*command, folder=tmp_path)
        assert refused.returncode == 1 and "There is no site in" in refused.stderr
    assert list(tmp_path.iterdir()) == []
