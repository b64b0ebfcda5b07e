"""Articles as rows of CSV: UTF-8 as spreadsheets save it, or Shift_JIS with Japanese headers.

No vendor publishes this shape; it is the one `kb import csv` promises. One row for each language.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from tests.vendors.addressing import (
    Targets,
    link_writer,
    original_language,
    picture_writer,
    pictures_of,
)
from tests.vendors.content import Entry, HelpCentre, Text
from tests.vendors.html_writer import Dialect, write_html

HEADERS = ("title", "body", "section", "tags", "language", "url", "updated")
JAPANESE_HEADERS = ("タイトル", "本文", "カテゴリ", "タグ", "言語", "URL", "更新日")
HOST = "https://help.example.jp"


def path(centre: HelpCentre, key: str, lang: str) -> str:
    return f"/{original_language(centre, key, lang)}/articles/{key}"


def body(centre: HelpCentre, text: Text) -> str:
    """HTML; pictures and files stay at their addresses."""
    targets = Targets(
        article=lambda key, lang: path(centre, key, lang),
        section=lambda key, lang: f"/{lang}/sections/{key}",
        category=lambda key, lang: f"/{lang}/categories/{key}",
        missing=lambda name, lang: f"/{lang}/articles/{name}",
    )
    dialect = Dialect(
        link=link_writer(HOST, text.lang, targets),
        picture=picture_writer(HOST, lambda name: f"/images/{name}"),
        file=lambda name: HOST + quote(f"/files/{name}"),
        pictures=pictures_of(text),
    )
    return write_html(text.blocks, dialect)


def row(centre: HelpCentre, entry: Entry, text: Text, *, japanese: bool) -> list[str]:
    section = centre.sections_by_key[entry.section].title[text.lang]
    day = f"{text.updated:%Y/%m/%d}" if japanese else text.updated.isoformat()
    return [
        text.title,
        body(centre, text),
        section,
        ("、" if japanese else ",").join(entry.labels),
        {"ja": "日本語", "en": "英語"}[text.lang] if japanese else text.lang,
        HOST + path(centre, entry.key, text.lang),
        day,
    ]


def write_export(
    centre: HelpCentre, folder: Path, form: Literal["utf-8", "shift_jis"] = "utf-8"
) -> Path:
    """The written file. What Shift_JIS (cp932) does not have, such as emoji, becomes ``?``."""
    japanese = form == "shift_jis"
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(JAPANESE_HEADERS if japanese else HEADERS)
    for entry in centre.entries:
        for text in entry.texts:
            writer.writerow(row(centre, entry, text, japanese=japanese))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ("記事一覧.csv" if japanese else "articles.csv")
    data = buffer.getvalue()
    file.write_bytes(data.encode("cp932", "replace") if japanese else data.encode("utf-8-sig"))
    return file
