"""A bad setting is refused at start, by name."""

from pathlib import Path

import pytest

from kb_app.services import processors_dealt, usual_workers
from kb_app.settings import SettingsError, load_settings, secret_key
from search.processors import SHARED, usual


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KB_PORT", "high", "KB_PORT"),
        ("KB_PORT", "70000", "KB_PORT"),
        ("KB_COLOUR", "green", "#0b6e66"),
        ("KB_BASE_URL", "example.com", "https://example.com"),
        ("KB_LANGUAGES", "ja,fr", "ja, en"),
        ("KB_TIMEZONE", "Tokio", "Asia/Tokyo"),
        ("KB_LOGO", "/none.svg", "KB_LOGO"),
        ("KB_CONTACT_MAIL", "nobody", "mail address"),
        ("KB_CONTACT_LINK", "javascript:alert(1)", "https://"),
        ("KB_RATE_LIMIT", "lots", "600 per minute"),
        ("KB_RATE_LIMIT", "0 per minute", "600 per minute"),
        ("KB_BASE_URL", "https://exa mple.com", "https://example.com"),
        ("KB_TIMEZONE", "", "Asia/Tokyo"),
        ("KB_WRITER_PANEL", "all", "KB_WRITER_PANEL"),
    ],
)
def test_a_bad_value_names_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert name in str(refused.value) and words in str(refused.value)


def test_the_secret_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path)
    key = secret_key(settings)
    assert len(key) > 40 and secret_key(settings) == key
    assert (tmp_path / "secret-key").stat().st_mode & 0o077 == 0
    assert secret_key(load_settings(data=tmp_path, secret_key="given")) == "given"


def test_an_empty_key_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "secret-key").touch()
    assert len(secret_key(load_settings(data=tmp_path))) > 40


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="KB_DATA"):
        secret_key(load_settings(data=tmp_path / "file" / "data"))


def test_secrets_do_not_show(tmp_path: Path) -> None:
    assert "hush" not in repr(load_settings(data=tmp_path, secret_key="hush"))


@pytest.mark.parametrize(("processors", "workers"), [(1, 0), (2, 1), (3, 1), (4, 2), (8, 3), (64, 3)])
def test_half_of_the_processors_rank_where_nothing_is_set(processors: int, workers: int) -> None:
    assert usual_workers(processors) == workers


@pytest.mark.skipif(len(usual()) < 2, reason="one processor, or a system that keeps no thread to some")
def test_processors_are_dealt_for_the_bundled_model_with_workers_and_shared_otherwise(tmp_path: Path) -> None:
    dealt = processors_dealt(load_settings(data=tmp_path, workers=1))
    assert dealt.model and dealt.rest and dealt.model | dealt.rest == usual()
    for other in ({"workers": 0}, {"processors": "shared"}, {"embedding_model": "off"}, {"embedding_model": "intfloat/multilingual-e5-small"}):
        assert processors_dealt(load_settings(data=tmp_path, **{"workers": 1} | other)) == SHARED
