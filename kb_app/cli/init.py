"""``kb init``: a site of one's own in a new folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import click

# Files of the package's starter folder, and where they go.
_FILES = {
    "articles/ja/start/first-article.md": "articles/ja/start/first-article.md",
    "articles/en/start/first-article.md": "articles/en/start/first-article.md",
    "articles/sections.yml": "articles/sections.yml",
    "articles/support.yml": "articles/support.yml",
    "gitignore": ".gitignore",
    "workflows/check.yml": ".github/workflows/check.yml",
}


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", default="Help Centre", show_default=True, help="The name of the site.")
@click.option("--timezone", default="Asia/Tokyo", show_default=True, help="Its time zone.")
def init(folder: Path, name: str, timezone: str) -> None:
    """Make a site of your own in FOLDER: articles, kb.toml, support.yml, a check for CI.

    Files that are there already stay as they are, and the command stops.
    """
    from kb_app.settings import SettingsError, load_settings

    try:
        load_settings(site_name=name, timezone=timezone)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    texts = dict(_texts(name, timezone))
    taken = [place for place in texts if (folder / place).exists()]
    if taken:
        raise click.ClickException(
            f"{folder / taken[0]} exists. Nothing was written; choose an empty folder."
        )
    try:
        for place, text in texts.items():
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(f"  {path}")
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written: {error.strerror}.") from error
    click.echo(f"\nYour site is in {folder}. Start it:\n\n    cd {folder} && kb serve\n")


def _texts(name: str, timezone: str) -> Iterator[tuple[str, str]]:
    """(place, text) of every file."""
    starter = files("kb_app") / "starter"
    values = {
        "{today}": date.today().isoformat(),
        "{timezone}": timezone,
        "{requirement}": f"kb-app=={version('kb-app')}",
    }
    for source, place in _FILES.items():
        text = (starter / source).read_text(encoding="utf-8")
        for mark, value in values.items():
            text = text.replace(mark, value)
        yield place, text
    yield "kb.toml", _settings(name, timezone)


def _settings(name: str, timezone: str) -> str:
    """A kb.toml with all settings, of which the first few are set."""
    from kb_app.settings import Settings
    from kb_app.settings_file import sample, toml

    given = {"articles": "articles", "data": "var", "site_name": name, "timezone": timezone}
    text = "\n".join(sample(Settings.model_fields)) + "\n"
    for setting, value in given.items():
        default = toml(Settings.model_fields[setting].default)
        text = text.replace(f"\n#{setting} = {default}\n", f"\n{setting} = {toml(value)}\n")
    return text


COMMANDS = (init,)
