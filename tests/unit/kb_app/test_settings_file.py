"""kb.toml: the same settings as in the environment, which is above it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from kb_app.settings import Settings, SettingsError, load_settings, settings_warnings
from kb_app.settings_file import sample


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KB_CONFIG")
    return tmp_path


def test_the_file_is_read_and_the_environment_is_above_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "kb.toml").write_text(
        'site_name = "私のヘルプ"\nport = 8080\nlanguages = ["en"]\nwatch = false\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("KB_PORT", "8090")
    settings = load_settings(host="::1")
    assert (settings.site_name, settings.port, settings.host) == ("私のヘルプ", 8090, "::1")
    assert settings.languages == ("en",) and settings.watch is False


def test_paths_are_relative_to_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "site").mkdir()
    (folder / "site" / "kb.toml").write_text('articles = "faq"\ndata = "/var/lib/kb"\n')
    monkeypatch.setenv("KB_CONFIG", "site/kb.toml")
    settings = load_settings()
    assert settings.articles == (folder / "site" / "faq").resolve()
    assert settings.data == Path("/var/lib/kb")


def test_without_a_file_there_are_the_defaults(folder: Path) -> None:
    assert load_settings().port == 8000 and not settings_warnings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = \nhost = 1", "line 1"),
        ("port = 99999", "kb.toml: port = '99999'"),
        ('timezone = "Tokio"', "must be a time zone like Asia/Tokyo"),
        ("[server]\nport = 1", r"\[server\] is a table"),
        ("site_name = 'Caf\xe9'".encode("latin-1"), "not UTF-8"),
        ("#" * 300_000, "larger than 256 KB"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(folder: Path, text: str | bytes, said: str) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    (folder / "kb.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        load_settings()


def test_a_file_that_is_named_must_be_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_CONFIG", str(folder / "none.toml"))
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read"):
        load_settings()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("colur = '#0b6e66'", "colur is not a setting. Did you mean colour?"),
        ("KB_PORT = 1", "KB_PORT is not a setting. Did you mean KB_PORT?"),
        ("zzz = 1", "zzz is not a setting. See docs/operating.md"),
    ],
)
def test_an_unknown_line_warns_with_the_nearest_name(folder: Path, line: str, said: str) -> None:
    (folder / "kb.toml").write_text(line)
    load_settings()
    assert [said in warning for warning in settings_warnings()] == [True]


def test_a_secret_does_not_stand_in_an_error(folder: Path) -> None:
    (folder / "kb.toml").write_text('smtp_url = "hush"')
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "hush" not in str(refused.value)


def test_the_sample_is_a_settings_file_with_every_setting() -> None:
    lines = list(sample(Settings.model_fields))
    names = [line[1:].split(" = ")[0] for line in lines if line.startswith("#") and line[1] != " "]
    assert names == [name for name in Settings.model_fields if name != "config"]
    values = tomllib.loads(
        "\n".join(line[1:] for line in lines if line[:1] == "#" and line[1] != " ")
    )
    assert len(values) == len(names)
    assert Settings(**values) == Settings()
