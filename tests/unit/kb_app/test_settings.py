"""An invalid setting is refused at start and named in the error."""

import os
from pathlib import Path

import pytest

from kb_app.settings import SettingsError, load_settings, settings_warnings


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
def test_a_bad_value_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert name in str(refused.value) and words in str(refused.value)


def test_secrets_do_not_show(tmp_path: Path) -> None:
    assert "hush" not in repr(load_settings(data=tmp_path, secret_key="hush"))


def test_an_old_name_is_read_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_THREADS", "3")
    monkeypatch.setenv("KB_JOBS", "false")
    settings = load_settings()
    assert settings.http_threads == 3 and settings.background_jobs is False
    assert "KB_THREADS is now KB_HTTP_THREADS" in "\n".join(settings_warnings())


def test_a_new_name_wins_over_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_THREADS", "3")
    monkeypatch.setenv("KB_HTTP_THREADS", "5")
    assert load_settings().http_threads == 5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("KB_ARTICLE", "Did you mean KB_ARTICLES?"),
        ("KB_SITENAME", "Did you mean KB_SITE_NAME?"),
        ("KB_QQQQ", "docs/operating.md"),
        ("KB_WORKERS", "KB_WEB_PROCESSES"),
        ("KB_EMBEDDING_DTYPE", "has no effect"),
    ],
)
def test_an_unknown_setting_is_named_with_the_closest_match(
    monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.setenv(name, "1")
    (warning,) = [warning for warning in settings_warnings() if name in warning]
    assert words in warning


def test_known_names_give_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_SITE_NAME", "Help")
    assert not [warning for warning in settings_warnings() if "KB_SITE_NAME" in warning]


@pytest.mark.parametrize(("given", "count"), [("", os.cpu_count()), ("0", 0), ("3", 3)])
def test_the_default_is_one_web_process_per_cpu(
    monkeypatch: pytest.MonkeyPatch, given: str, count: int
) -> None:
    monkeypatch.setenv("KB_WEB_PROCESSES", given)
    assert load_settings().web_process_count == count
