"""The sources by the names that ``kb import`` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from kb_app.transfer.model import Source, TransferError
from kb_app.transfer.sources.csv_file import CsvFile
from kb_app.transfer.sources.document360 import Document360, Document360Export
from kb_app.transfer.sources.freshdesk import Freshdesk
from kb_app.transfer.sources.helpscout import HelpScout
from kb_app.transfer.sources.html_pages import HtmlPages
from kb_app.transfer.sources.intercom import Intercom
from kb_app.transfer.sources.site_folders import SiteFolder
from kb_app.transfer.sources.zendesk import Zendesk

_APIS: Mapping[str, Callable[[str, str, Path], Source]] = {
    "zendesk": Zendesk,
    "freshdesk": Freshdesk,
    "intercom": Intercom,
    "helpscout": HelpScout,
    "document360": Document360,
}
_EXPORTS: Mapping[str, Callable[[Path], Source]] = {
    "document360": Document360Export,
    "mkdocs": partial(SiteFolder, "mkdocs"),
    "docusaurus": partial(SiteFolder, "docusaurus"),
    "jekyll": partial(SiteFolder, "jekyll"),
    "csv": CsvFile,
    "html": HtmlPages,
}
VENDORS = tuple(dict.fromkeys((*_APIS, *_EXPORTS)))


def source_of(vendor: str, where: str, token: str, kept: Path) -> Source:
    """The source at an address or path. Raises TransferError where it cannot be one."""
    if "://" in where:
        if vendor not in _APIS:
            raise TransferError(f"{vendor} is imported from a file or folder, not from an address.")
        if not token:
            raise TransferError("Name the file that holds the API token: --token-file FILE.")
        return _APIS[vendor](where, token, kept)
    if vendor not in _EXPORTS:
        raise TransferError(
            f"{vendor} is imported from its API. Write its address, like https://example.com."
        )
    path = Path(where)
    if not path.exists():
        raise TransferError(f"There is no {where}.")
    return _EXPORTS[vendor](path)
