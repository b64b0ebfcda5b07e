"""The command ``kb``: thin commands that import late and call one function each."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup, ScriptInfo, with_appcontext

if TYPE_CHECKING:
    from flask import Flask

from kb_app.cli import accounts, analytics, assistants, database, init, nodes, support, transfer

kb = AppGroup("kb", help="Run and maintain the knowledge base.")
click.version_option(package_name="kb-app", prog_name="kb", message="%(prog)s %(version)s")(kb)
_MODULES = (accounts, analytics, assistants, database, init, nodes, support, transfer)
for command in (each for module in _MODULES for each in module.COMMANDS):
    kb.add_command(command)


_PROCESSES = click.option(
    "--processes",
    "web_processes",
    type=click.IntRange(0, 64),
    help="Number of web processes; 0 runs only the background process.",
)
_PLACES = (
    click.option(
        "--articles",
        type=click.Path(file_okay=False, path_type=Path),
        help="The articles folder (KB_ARTICLES).",
    ),
    click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        help="The data folder: index, model and database (KB_DATA).",
    ),
    click.option("--host", help="Address to listen on (KB_HOST)."),
    click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (KB_PORT)."),
    _PROCESSES,
)


def _with_places(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_PLACES):
        command = option(command)
    return command


@kb.command("serve", with_appcontext=False)
@_with_places
def serve(**given: object) -> None:
    """Fetch the model, index the articles, watch them, and serve the site."""
    _run(given, with_background=True)


@kb.command("web", with_appcontext=False)
@_with_places
def web(**given: object) -> None:
    """Run only web processes, beside a background process elsewhere (kb serve --processes 0)."""
    _run(given, with_background=False)


def _run(given: dict[str, object], with_background: bool) -> None:
    # Imports are faster without garbage collection; the child processes enable it again.
    gc.disable()
    from kb_app.settings import SettingsError, load_settings, share_metrics

    try:
        settings = load_settings(
            **{name: value for name, value in given.items() if value is not None}
        )
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    if settings.metrics_port:
        share_metrics(settings.metrics_folder)
    from kb_app.serve import BACKGROUND, ROLES, WEB, run

    roles = ROLES if with_background else (WEB,)
    sys.exit(run(settings, (BACKGROUND,) if settings.web_processes == 0 else roles))


@kb.command("build")
@with_appcontext
def build() -> None:
    """Index the articles once, with the site's settings."""
    from flask import current_app

    from indexer.errors import IndexerError
    from indexer.progress import Bar
    from search.embedding.background import BackgroundEmbedder
    from search.errors import SearchError

    services = current_app.extensions["kb_services"]
    if isinstance(services.embedder, BackgroundEmbedder):
        services.embedder.start()
    try:
        report = services.indexing.rebuild(Bar())
    except (IndexerError, SearchError) as error:
        raise click.ClickException(str(error)) from error
    for problem in report.problems:
        click.echo(str(problem))
    click.echo(
        f"{report.version}: {report.articles} articles, {report.passages} passages, "
        f"{report.seconds} s"
    )
    sys.exit(1 if report.errors else 0)


@kb.command("model")
@with_appcontext
def model() -> None:
    """Fetch and unpack the embedding model, so that serving needs no network."""
    from flask import current_app

    from indexer.progress import Bar
    from search.embedding.bundled_model import ensure_model
    from search.embedding.onnx_export import ensure_export
    from search.errors import ModelError

    settings = current_app.extensions["kb_services"].settings
    if settings.embedding_model not in ("", "bundled"):
        click.echo(
            f"KB_EMBEDDING_MODEL={settings.embedding_model}: not the bundled model, "
            "nothing to fetch."
        )
        return
    try:
        unpacked = ensure_model(settings.data / "model", Bar())
        ensure_export(unpacked, Bar())
        click.echo(str(unpacked))
    except ModelError as error:
        raise click.ClickException(str(error)) from error


@kb.command("calibrate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_appcontext
def calibrate(file: Path) -> None:
    """Calibrate the verdict on FILE, JSON Lines of queries known to be answered or not."""
    from flask import current_app

    from kb_app.services.calibrate import calibrate as fit
    from kb_app.services.calibrate import read_known
    from kb_app.services.container import CALIBRATION
    from search.embedding.background import BackgroundEmbedder
    from search.errors import SearchError

    services = current_app.extensions["kb_services"]
    try:
        known = read_known(file)
        snapshot = services.live.current()
        if snapshot is None:
            raise click.ClickException("There is no index yet. Run: kb build")
        if isinstance(services.embedder, BackgroundEmbedder):
            services.embedder.start()
            services.embedder.wait()
        target = services.settings.data / CALIBRATION
        fitted = fit(snapshot.engine, known, target, file.name)
    except SearchError as error:
        raise click.ClickException(str(error)) from error
    for name, value in fitted.sheet.items():
        click.echo(f"{name}: {value}")
    click.echo(f"Stored in {target}. A running site uses it from its next index or restart on.")


@kb.command("settings", with_appcontext=False)
@click.option("--sample", "wants_sample", is_flag=True, help="Print a kb.toml with all settings.")
def settings(wants_sample: bool) -> None:
    """Show every setting and its value; secrets are hidden."""
    from kb_app.settings import SECRETS, Settings, SettingsError, load_settings, settings_warnings
    from kb_app.settings_file import sample

    if wants_sample:
        click.echo("\n".join(sample(Settings.model_fields)))
        return
    try:
        current = load_settings()
        for warning in settings_warnings():
            click.echo(warning, err=True)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    for name in type(current).model_fields:
        value = getattr(current, name)
        shown = (
            "(hidden)"
            if name in SECRETS and value
            else ",".join(value)
            if isinstance(value, tuple)
            else value
        )
        click.echo(f"KB_{name.upper()}={'' if shown is None else shown}")


@kb.command("doctor", with_appcontext=False)
def doctor() -> None:
    """Look at folders, rights, database, model, mail, clock, disk, proxy and backups."""
    from kb_app.services.doctor import examine
    from kb_app.settings import SettingsError, load_settings, settings_warnings

    try:
        settings = load_settings()
        for warning in settings_warnings():
            click.echo(f"{click.style('warning ', fg='yellow')} settings: {warning}")
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    colours = {"ok": "green", "warning": "yellow", "fault": "red"}
    faults = 0
    for found in examine(settings):
        faults += found.state == "fault"
        state = click.style(f"{found.state:8}", fg=colours[found.state])
        click.echo(f"{state} {found.name}: {found.said}")
        if found.hint:
            click.echo(f"         {found.hint}")
    sys.exit(1 if faults else 0)


# Commands that may be the first one on a folder.
_MAKE_A_SITE = frozenset({"build", "model", "restore"})


def _application() -> Flask:
    """The application of a command, which does not make a site where there is none."""
    from kb_app import create_app
    from kb_app.settings import SettingsError, load_settings

    context = click.get_current_context(silent=True)
    names = context.command_path.split() if context else []
    if len(names) > 1 and names[1] not in _MAKE_A_SITE:
        try:
            settings = load_settings()
        except SettingsError as error:
            raise click.ClickException(str(error)) from error
        if not settings.has_site:
            raise click.ClickException(
                f"There is no site in {settings.data.resolve()}. Go to the folder of its kb.toml, "
                "or set KB_DATA. kb serve starts a new site; kb init makes a folder for one."
            )
    return create_app()


def main() -> None:
    """Entry point of the command ``kb``."""
    # What the site writes is read by its own account only.
    os.umask(0o077)
    kb.main(prog_name="kb", obj=ScriptInfo(create_app=_application))
