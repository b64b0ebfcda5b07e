"""A table of articles: one file with a heading row, in Japanese or English, of any spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from kb_app.csv_cells import unguarded
from kb_app.transfer.model import (
    MAX_BODY,
    ForeignArticle,
    ForeignSection,
    ForeignText,
    TransferError,
)
from kb_app.transfer.sources.local_files import moment_of
from search.analysis.language import detect

MAX_BYTES = 256 * 1024 * 1024
# What headings mean, in lower case.
_COLUMNS = {
    "title": ("title", "question", "name", "subject", "タイトル", "質問", "件名", "題名"),
    "body": ("body", "answer", "text", "content", "html", "本文", "回答", "内容"),
    "section": ("section", "category", "folder", "カテゴリ", "カテゴリー", "分類", "セクション"),
    "tags": ("tags", "labels", "keywords", "タグ", "ラベル", "キーワード"),
    "language": ("language", "lang", "locale", "言語"),
    "url": ("url", "link", "address", "アドレス"),
    "updated": ("updated", "updated_at", "modified", "date", "更新日", "更新日時", "日付"),
    "key": ("id", "key", "number", "番号"),
    "author": ("author", "owner", "作成者", "担当者", "担当"),
    "status": ("status", "state", "状態", "ステータス"),
    "summary": ("summary", "description", "要約", "概要"),
}
_LANGUAGES = {"日本語": "ja", "japanese": "ja", "英語": "en", "english": "en"}
_DRAFTS = ("draft", "unpublished", "archived", "下書き", "非公開", "公開終了", "アーカイブ")
_TAG = re.compile(r"<(?:p|div|br|ul|ol|table|h[1-6]|span|a|img|strong|b|pre)\b[^<>]{0,2000}>", re.I)


class CsvFile:
    """Articles as rows; rows that share an id are one article in several languages."""

    name = "csv"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unknown: list[str] = []

    def sections(self) -> Iterator[ForeignSection]:
        """The values of the column of sections, in their order."""
        seen: dict[str, dict[str, str]] = {}
        for row in self._rows():
            if row.get("section"):
                seen.setdefault(row["section"], {})[_lang(row)] = row["section"]
        for place, (key, titles) in enumerate(seen.items()):
            yield ForeignSection(key, titles, order=place)

    def articles(self) -> Iterator[ForeignArticle]:
        """One article for each id, else for each row."""
        groups: dict[str, list[Mapping[str, str]]] = {}
        for number, row in enumerate(self._rows(), 2):
            groups.setdefault(row.get("key") or _key(row, number), []).append(row)
        for key, rows in groups.items():
            texts = tuple(_text(row) for row in rows)
            yield ForeignArticle(
                key=key,
                section=rows[0].get("section", ""),
                texts=texts,
                author=rows[0].get("author", ""),
                labels=tuple(_cut(rows[0].get("tags", ""))),
            )

    def file(self, url: str, place: str) -> bytes | None:
        """None: a table has no pictures."""
        return None

    def unmapped(self) -> Iterator[str]:
        """Columns that nothing is known of."""
        self._rows()
        yield from (
            f"the column {name!r} has no place here" for name in dict.fromkeys(self._unknown)
        )

    def _rows(self) -> Iterator[dict[str, str]]:
        csv.field_size_limit(MAX_BODY)
        text = self._read()
        try:
            dialect = csv.Sniffer().sniff(text.partition("\n")[0], delimiters=",;\t")
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter)
        except csv.Error:
            reader = csv.reader(io.StringIO(text, newline=""))
        columns: list[str] = []
        try:
            for row in reader:
                if not columns:
                    columns = self._columns(row)
                elif any(cell.strip() for cell in row):
                    yield {
                        name: unguarded(cell.strip())
                        for name, cell in zip(columns, row, strict=False)
                        if name
                    }
        except csv.Error as error:
            raise TransferError(f"{self._path}, line {reader.line_num}: {error}.") from error

    def _columns(self, row: list[str]) -> list[str]:
        meant = {word: name for name, words in _COLUMNS.items() for word in words}
        columns = [meant.get(cell.strip().lower(), "") for cell in row]
        self._unknown = [cell for cell, name in zip(row, columns, strict=True) if not name and cell]
        if not {"title", "body"} <= set(columns):
            raise TransferError(
                f"{self._path}: the first row must name a column title and a column body "
                "(タイトル, 本文)."
            )
        return columns

    def _read(self) -> str:
        try:
            if self._path.stat().st_size > MAX_BYTES:
                raise TransferError(f"{self._path} is larger than {MAX_BYTES // 1024 // 1024} MB.")
            content = self._path.read_bytes()
        except OSError as error:
            raise TransferError(f"{self._path} cannot be read: {error.strerror}.") from error
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return content.decode("utf-16", "replace")
        for encoding in ("utf-8-sig", "cp932"):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                continue
        raise TransferError(f"{self._path} is neither UTF-8 nor Shift_JIS. Save it as UTF-8.")


def _text(row: Mapping[str, str]) -> ForeignText:
    body = row.get("body", "")
    return ForeignText(
        lang=_lang(row),
        title=row.get("title", ""),
        body=body if _TAG.search(body) else _paragraphs(body),
        url=row.get("url", ""),
        updated=moment_of(row.get("updated", "")),
        is_draft=row.get("status", "").lower() in _DRAFTS,
        summary=row.get("summary", ""),
    )


def _paragraphs(text: str) -> str:
    """A plain text as HTML: its blank lines part paragraphs."""
    from html import escape

    parts = (escape(part.strip()).replace("\n", "<br>") for part in re.split(r"\n\s*\n", text))
    return "".join(f"<p>{part}</p>" for part in parts if part)


def _lang(row: Mapping[str, str]) -> str:
    given = row.get("language", "").strip().lower()
    known = _LANGUAGES.get(given, given.partition("-")[0].partition("_")[0])
    return (
        known
        if re.fullmatch(r"[a-z]{2,3}", known)
        else detect(f"{row.get('title', '')}\n{row.get('body', '')[:2000]}", ("ja", "en"))
    )


def _key(row: Mapping[str, str], number: int) -> str:
    path = urlsplit(row.get("url", "")).path.strip("/")
    return re.sub(r"[^\w.-]+", "-", path) if path else f"row-{number}"


def _cut(tags: str) -> list[str]:
    return [tag.strip() for tag in re.split(r"[,、;\n]", tags) if tag.strip()]
