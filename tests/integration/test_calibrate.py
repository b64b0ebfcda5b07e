"""``kb calibrate``: fit the verdict to an operator's queries; errors name the line."""

import json
import logging
from pathlib import Path

import pytest
from click.testing import Result

from kb_app import create_app
from kb_app.services.container import CALIBRATION
from search.ranking.answerability import read, shipped, write
from search.testing import HashEmbedder
from tests.support import build_folder, make_services, write_article

WORDS = (
    "\n返金 返品 送料 配送 解約 会員 領収書 保証 修理 予約 在庫 "
    "包装 割引 請求 住所 電話 店舗 色 寸法 説明書 電池 充電"
    "\n宇宙 恐竜 火山 数学 俳句 囲碁 登山 釣り 天気 野球 料理 "
    "星座 化石 遺跡 昆虫 音楽 映画 選挙 株価 為替 落語 相撲\n"
)
TOPICS, ELSEWHERE = (line.split() for line in WORDS.strip().splitlines())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    articles = tmp_path / "articles"
    for number, topic in enumerate(TOPICS):
        write_article(
            articles,
            f"ja/all/a{number}.md",
            f"{topic}について",
            f"{topic}の手順です。{topic}は窓口で受け付けます。",
        )
    return articles


@pytest.fixture
def data(folder: Path, tmp_path: Path) -> Path:
    build_folder(folder, tmp_path / "var")
    return tmp_path / "var"


def queries(path: Path) -> Path:
    known = [
        {"query": f"{topic}はどうすればいいですか", "answered": True, "lang": "ja"}
        for topic in TOPICS
    ]
    known += [{"query": f"{topic}を教えてください", "answered": False} for topic in ELSEWHERE]
    path.write_text(
        "\n".join(json.dumps(one, ensure_ascii=False) for one in known) + "\n\n", encoding="utf-8"
    )
    return path


def run(folder: Path, data: Path, *arguments: str) -> Result:
    return create_app(make_services(folder, data)).test_cli_runner().invoke(args=["kb", *arguments])


def test_a_fit_is_stored_with_its_data_sheet_and_used(
    folder: Path, data: Path, tmp_path: Path
) -> None:
    outcome = run(folder, data, "calibrate", str(queries(tmp_path / "q.jsonl")))
    assert outcome.exit_code == 0 and "auroc" in outcome.output, outcome.output
    stored = read(data / CALIBRATION)
    assert stored.model == HashEmbedder().fingerprint and stored.sheet["answered"] == len(TOPICS)
    engine = make_services(folder, data).live.current().engine  # type: ignore[union-attr]
    assert engine.calibration == stored


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "q.jsonl:1:"),
        ('{"query": "返品"}', "q.jsonl:1:"),
        ('{"query": "返品", "answered": "yes"}', "answered true or false"),
        ('{"query": " ", "answered": true}', "query must be a text"),
        ('{"query": "返品", "answered": true}', "At least 20 answered"),
        ("[]", "q.jsonl:1:"),
    ],
)
def test_an_unusable_file_is_refused_and_the_calibration_is_kept(
    folder: Path, data: Path, tmp_path: Path, line: str, words: str
) -> None:
    write(data / CALIBRATION, shipped())
    (tmp_path / "q.jsonl").write_text(line + "\n", encoding="utf-8")
    outcome = run(folder, data, "calibrate", str(tmp_path / "q.jsonl"))
    assert outcome.exit_code == 1 and words in outcome.output, outcome.output
    assert read(data / CALIBRATION) == shipped()


def test_a_calibration_of_another_model_is_refused_and_the_shipped_one_used(
    folder: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(data / CALIBRATION, shipped())
    with caplog.at_level(logging.ERROR):
        engine = make_services(folder, data).live.current().engine  # type: ignore[union-attr]
    assert "another embedding model" in caplog.text and "kb calibrate" in caplog.text
    assert engine.calibration == shipped()


def test_calibrate_before_the_first_index_is_an_error(folder: Path, tmp_path: Path) -> None:
    outcome = run(folder, tmp_path / "empty", "calibrate", str(queries(tmp_path / "q.jsonl")))
    assert outcome.exit_code == 1 and "kb build" in outcome.output
