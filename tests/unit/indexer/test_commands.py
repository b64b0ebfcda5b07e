"""``python -m indexer``: exit statuses and messages that a writer can act on."""

from pathlib import Path

import pytest

from indexer.__main__ import main
from tests.support import write_article


def test_new_creates_an_article_with_front_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["new", "荷物が届かない？", "--section", "delivery", "--articles", str(tmp_path)]) == 0
    )
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "ja/delivery/荷物が届かない.md"
    assert main(["check", "--articles", str(tmp_path)]) == 0
    assert (
        main(["new", "荷物が届かない？", "--section", "delivery", "--articles", str(tmp_path)]) == 2
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["x", "--section", "../../evil"],
        ["x", "--lang", "zzzz12"],
        [" "],
        ["x", "--articles", "/none"],
    ],
)
def test_new_writes_nowhere_else(tmp_path: Path, arguments: list[str]) -> None:
    assert main(["new", "--articles", str(tmp_path), *arguments]) == 2
    assert list(tmp_path.rglob("*")) == []


def test_check_exit_status_reflects_problems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_article(tmp_path, "ja/a.md", "一", "[無い](none.md)")
    assert main(["check", "--articles", str(tmp_path)]) == 1
    assert "ja/a.md:5: error: links to ja/none.md" in capsys.readouterr().out


def test_check_fix_fixes_problems(tmp_path: Path) -> None:
    write_article(tmp_path, "ja/a.md", "一", id=None)
    assert main(["check", "--strict", "--articles", str(tmp_path)]) == 1
    assert main(["check", "--strict", "--fix", "--articles", str(tmp_path)]) == 0


def test_build_skips_a_bad_article_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_article(tmp_path / "articles", "ja/a.md", "一")
    write_article(tmp_path / "articles", "ja/b.md", "二", status="soon")
    arguments = [
        "build",
        "--articles",
        str(tmp_path / "articles"),
        "--data",
        str(tmp_path / "var"),
        "--model",
        "off",
    ]
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert "ja/b.md:4: error" in out and "1 articles" in out
    (tmp_path / "articles/ja/b.md").unlink()
    assert main(arguments) == 0


def test_a_missing_folder_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            [
                "build",
                "--articles",
                str(tmp_path / "none"),
                "--data",
                str(tmp_path / "var"),
                "--model",
                "off",
            ]
        )
        == 2
    )
    assert "There is no articles folder" in capsys.readouterr().err
