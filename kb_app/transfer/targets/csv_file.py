"""A table of all articles, a row for each language, with the columns that an import reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from urllib.parse import quote

from kb_app.csv_cells import guarded
from kb_app.transfer.targets.generated_ids import stamp
from kb_app.transfer.targets.library import OutArticle, OutSection, OutText, title_in
from kb_app.transfer.targets.vendor import Vendor

COLUMNS = (
    *("id", "language", "title", "body", "section", "tags", "status", "summary"),
    *("author", "created", "updated", "url", "questions", "search words"),
)


class CsvFile(Vendor):
    """articles.csv, and internal-articles.csv where there are any."""

    def write(self) -> None:
        """Write the tables in UTF-8 with the mark by which spreadsheets know it."""
        rows: dict[bool, list[list[str]]] = {False: [], True: []}
        for section in self.library.sections:
            for article in section.articles:
                for text in article.texts:
                    rows[article.is_internal].append(self._row(section, article, text))
        self._write("articles.csv", rows[False])
        if rows[True]:
            self._write("internal-articles.csv", rows[True])
            self.report.say(
                "Internal articles are in internal-articles.csv: no column of a table keeps them "
                "from being published."
            )
        self.say_what_is_lost(
            "summary", "questions", "keywords", "tags", "owner", "audience", "related"
        )
        if any(True for _ in self.redirects()):
            self.report.say("A table has no redirects: old addresses are not in it.")

    def path(self, article: OutArticle, text: OutText) -> str:
        """The path of its page on our site."""
        return f"/{text.lang}/articles/{text.article.slug}"

    def address(self, article: OutArticle, text: OutText) -> str:
        """The page that it had, else the one on our site."""
        return text.origin.url or self.site_url + quote(self.path(article, text))

    def _row(self, section: OutSection, article: OutArticle, text: OutText) -> list[str]:
        one = text.article
        above = next(c.titles for c in self.library.categories if c.key == section.category)
        parts = (title_in(above, text.lang), title_in(section.titles, text.lang))
        cells = (
            article.original.origin.key or article.id,
            text.lang,
            one.title,
            self.body(text),
            ": ".join(part for part in parts if part),
            ",".join(one.tags),
            "draft" if text.is_draft else "published",
            one.summary,
            text.origin.author or one.owner,
            stamp(text.created),
            stamp(text.updated),
            self.address(article, text),
            "\n".join(one.questions),
            "\n".join(one.keywords),
        )
        return [self._guarded(cell) for cell in cells]

    def _guarded(self, cell: str) -> str:
        made = guarded(cell)
        if made != cell:
            what = "cells begin with ', so that no spreadsheet takes them for a formula."
            self.report.count(what)
        return made

    def _write(self, name: str, rows: Iterable[list[str]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
        self._folder.write(name, text.getvalue().encode("utf-8-sig"))
