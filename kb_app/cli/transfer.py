"""``kb import`` and ``kb export``: articles from and to other help centres."""

from __future__ import annotations

import hashlib
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kb_app.settings import Settings
    from kb_app.transfer.import_report import Report
    from kb_app.transfer.state import ImportState

# Kinds of notes that are printed; the report has all.
SHOWN = 12
SAVE_EVERY_S = 2.0


@click.command("import")
@click.argument("vendor")
@click.argument("source")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the API token; for Zendesk also MAIL/token:TOKEN.",
)
@click.option(
    "--articles",
    type=click.Path(file_okay=False, path_type=Path),
    help="The articles folder (KB_ARTICLES).",
)
def import_(vendor: str, source: str, token_file: Path | None, articles: Path | None) -> None:
    """Bring articles from another help centre.

    VENDOR is zendesk, freshdesk, intercom, helpscout, document360, mkdocs, docusaurus, jekyll, csv
    or html; SOURCE the address of its API, or the file or folder of an export. Run again, it brings
    what changed; what was changed here since stays.
    """
    from kb_app.settings import SettingsError, load_settings
    from kb_app.transfer.model import TransferError
    from kb_app.transfer.vendors import VENDORS

    if vendor not in VENDORS:
        raise click.ClickException(f"{vendor!r} is not known. Known: {', '.join(VENDORS)}.")
    try:
        settings = load_settings(**({"articles": articles} if articles else {}))
        token = _token(token_file) if token_file else ""
        report, path = _imported(settings, vendor, source, token)
    except (SettingsError, TransferError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt as error:
        raise click.ClickException(
            "Stopped. What was written stays: run the same command again to go on from here."
        ) from error
    except OSError as error:
        raise click.ClickException(
            f"{error.filename or settings.articles} cannot be written: {error.strerror}. "
            "Run the same command again to go on from here."
        ) from error
    _print(report, path)


def _imported(settings: Settings, vendor: str, source: str, token: str) -> tuple[Report, Path]:
    """The report of an import and where it is kept."""
    from filelock import FileLock, Timeout

    from indexer.atomic_write import replace_file
    from indexer.editing.model import Author
    from indexer.editing.repository import Repository
    from indexer.progress import Bar
    from kb_app.services.shared_folder import articles_lock
    from kb_app.transfer.importer import Importer
    from kb_app.transfer.model import TransferError
    from kb_app.transfer.state import ImportState
    from kb_app.transfer.vendors import source_of

    place = source.rstrip("/") if "://" in source else str(Path(source).resolve())
    name = f"{vendor}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
    folder = settings.data / "import"
    state_file, kept = folder / f"{name}.json", folder / f"{name}-answers"
    folder.mkdir(parents=True, exist_ok=True)
    settings.articles.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "import.lock", timeout=0):
            state = ImportState.read(state_file)
            read = source_of(vendor, source, token, kept)
            importer = Importer(settings.articles, read, state, articles_lock(settings.data))
            try:
                with _stopped_by_signal():
                    report = importer.run(Bar(), _Saver(state, state_file))
            finally:
                state.write(state_file)
                Repository(settings.articles).commit(
                    importer.report.paths, Author("import", ""), f"Import from {vendor}"
                )
            shutil.rmtree(kept, ignore_errors=True)
    except Timeout as error:
        raise TransferError("Another import is running. Wait until it is done.") from error
    path = folder / f"{name}-report.txt"
    replace_file(path, "".join(f"{note}\n" for note in report.notes))
    return report, path


def _token(path: Path) -> str:
    from kb_app.transfer.model import TransferError

    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise TransferError(f"{path} is no text in UTF-8. Save the token as UTF-8.") from error


@contextmanager
def _stopped_by_signal() -> Iterator[None]:
    """Let a stop from outside end the import as Ctrl+C does: what was written is kept."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Saver:
    """Keeps the state of an import now and then while it runs."""

    def __init__(self, state: ImportState, path: Path) -> None:
        self._state, self._path = state, path
        self._saved = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._saved > SAVE_EVERY_S:
            self._state.write(self._path)
            self._saved = time.monotonic()


def _print(report: Report, path: Path) -> None:
    click.echo(
        f"{report.written} articles written, {report.unchanged} unchanged, "
        f"{report.kept} kept as they were changed here; {report.files} pictures and files."
    )
    kinds = report.kinds.most_common()
    for what, count in kinds[:SHOWN]:
        click.echo(f"  {count:>6}  {what}")
    if report.notes:
        click.echo(f"What could not be brought along, by article: {path}")


@click.command("export")
@click.argument("kind")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export(kind: str, folder: Path) -> None:
    """Write the articles for another help centre, or as a site that needs no server.

    KIND is zendesk, freshdesk, intercom, helpscout, document360, csv, markdown or site; FOLDER must
    not exist or be empty. The articles are those of the index that is served.
    """
    from indexer.article_store import ArticleStore
    from kb_app.settings import SettingsError, load_settings
    from kb_app.transfer.model import TransferError
    from kb_app.transfer.targets.static_site import export_static
    from kb_app.transfer.targets.vendor_json import VENDORS
    from kb_app.transfer.targets.vendor_json import export as export_to
    from search.errors import BundleError
    from search.index.bundle import Builds

    if kind not in (*VENDORS, "site"):
        raise click.ClickException(f"{kind!r} is not known. Known: {', '.join(VENDORS)}, site.")
    try:
        settings = load_settings()
        if folder.resolve().is_relative_to(settings.articles.resolve()):
            raise TransferError(f"{folder} is in the articles folder. Name one outside of it.")
        store = ArticleStore.open(Builds(settings.data / "index").open_current())
        address = settings.address
        if kind == "site":
            names = {lang: settings.name(lang) for lang in settings.languages}
            report = export_static(
                store, folder, name=names, languages=settings.languages, site_url=address
            )
        else:
            report = export_to(kind, store, settings.articles, folder, site_url=address)
    except (SettingsError, BundleError, TransferError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"{report.articles} articles in {report.texts} texts, {report.sections} sections, "
        f"{report.files} files, {report.redirects} old addresses: {folder}"
    )
    for note in report.notes:
        click.echo(f"  {note}")


COMMANDS = (import_, export)
