"""The pictures and attachments of an export, beside its lists."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from indexer.article_store import ArticleStore
from indexer.reading.media_types import DOWNLOAD_TYPE, IMAGE_TYPES
from kb_app.transfer.targets.library import OutArticle, OutText
from kb_app.transfer.targets.new_folder import NewFolder
from kb_app.transfer.targets.report import ExportReport

FOLDER = "files"
_USED = re.compile(r'(?:src|href)="kb-image:([^"]++)"')


@dataclass(frozen=True)
class OutFile:
    """A file that an article shows or offers. ``path`` is its place in the export."""

    name: str
    path: str
    size: int
    lang: str

    @property
    def is_picture(self) -> bool:
        """Whether it is shown in the text."""
        return PurePosixPath(self.name).suffix.lower() in IMAGE_TYPES

    @property
    def type(self) -> str:
        """Its media type."""
        return mimetypes.guess_type(self.name)[0] or DOWNLOAD_TYPE


class Media:
    """Copies each file once. Paths are below ``above``, which is "" or ends with a slash."""

    def __init__(
        self,
        store: ArticleStore,
        folder: NewFolder,
        report: ExportReport,
        name: str = FOLDER,
        above: str = "",
    ) -> None:
        self._store, self._folder, self._report = store, folder, report
        self._name, self._above = name, above
        self._sizes: dict[str, int] = {}
        self._paths: dict[str, str] = {}

    def path(self, name: str, names: Mapping[str, str]) -> str:
        """The place of a file in the export, by its name in the index; "" if it is gone."""
        if name not in self._paths:
            self._paths[name] = self._copied(name, names.get(name, ""))
        return self._paths[name]

    def address(self, name: str, names: Mapping[str, str]) -> str:
        """The place of a file as an address below the export."""
        return quote(self.path(name, names))

    def files_of(self, article: OutArticle) -> Iterator[OutFile]:
        """All files of an article."""
        yield from (file for text in article.texts for file in self.files_of_text(text))

    def files_of_text(self, text: OutText) -> Iterator[OutFile]:
        """The files of a text, in the order of its body."""
        for name in dict.fromkeys(_USED.findall(text.article.html)):
            path = self.path(name, text.files)
            if path:
                yield OutFile(text.files.get(name, name), path, self._sizes[name], text.lang)

    def _copied(self, name: str, own: str) -> str:
        source = self._store.image(name)
        if source is None or not source.is_file():
            self._report.count("files are not in the index; build it again.")
            return ""
        shown = f"{name[:8]}-{own}" if own and len(own.encode()) < 200 else name
        path = f"{self._name}/{shown}"
        self._folder.copy(f"{self._above}{path}", source)
        self._sizes[name] = source.stat().st_size
        self._report.files += 1
        return path
