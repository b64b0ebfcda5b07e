"""Exports all articles in the shape of another tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from indexer.article_store import ArticleStore
from kb_app.transfer.model import TransferError
from kb_app.transfer.targets.csv_file import CsvFile
from kb_app.transfer.targets.document360 import Document360
from kb_app.transfer.targets.freshdesk import Freshdesk
from kb_app.transfer.targets.helpscout import HelpScout
from kb_app.transfer.targets.intercom import Intercom
from kb_app.transfer.targets.library import read_library
from kb_app.transfer.targets.markdown_folder import MarkdownFolder
from kb_app.transfer.targets.new_folder import new_folder
from kb_app.transfer.targets.report import ExportReport
from kb_app.transfer.targets.vendor import Vendor
from kb_app.transfer.targets.zendesk import Zendesk

_VENDORS: Mapping[str, Callable[..., Vendor]] = {
    "zendesk": Zendesk,
    "freshdesk": Freshdesk,
    "intercom": Intercom,
    "helpscout": HelpScout,
    "document360": Document360,
    "csv": CsvFile,
    "markdown": MarkdownFolder,
}
VENDORS = tuple(_VENDORS)


def export(
    vendor: str,
    snapshot_store: ArticleStore,
    articles_folder: Path,
    target: Path,
    *,
    site_url: str,
    now: datetime | None = None,
) -> ExportReport:
    """Write all articles, public and internal, into a new folder.

    What an import kept of them is read from ``articles_folder``, so that an article that came from
    ``vendor`` has its id, times, author, votes and address again. Raises TransferError where
    ``target`` is there and not empty, or cannot be written; then nothing is left behind.
    """
    if vendor not in _VENDORS:
        raise TransferError(f"{vendor!r} is not known. Choose one of {', '.join(VENDORS)}.")
    report = ExportReport()
    with new_folder(target) as folder:
        moment = now or datetime.now(UTC)
        library = read_library(vendor, snapshot_store, articles_folder, moment, report)
        _VENDORS[vendor](library, snapshot_store, folder, report, site_url).write()
    return report
