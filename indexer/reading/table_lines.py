"""Tables as lines of text, each row understood on its own."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.reading.html_tree import Node


class TableLines:
    """Collects table rows as lines of text.

    Each cell is prefixed with its column heading, so that a row is understood on its own.
    """

    def __init__(self) -> None:
        self._headings: list[str] = []
        self._headings_said = True

    def line(self, cells: list[str], is_heading: bool) -> str:
        """Return the row as a line. A heading row is returned with the rows below it."""
        if is_heading:
            pending = self.end()
            self._headings, self._headings_said = cells, not any(cells)
            return pending
        headings = self._headings if len(self._headings) == len(cells) else [""] * len(cells)
        self._headings_said |= headings is self._headings and any(cells)
        return " / ".join(
            f"{heading.rstrip(':：')}: {cell}" if heading else cell
            for heading, cell in zip(headings, cells, strict=True)
            if cell
        )

    def end(self) -> str:
        """Return column headings that no row has used."""
        return "" if self._headings_said else " / ".join(filter(None, self._headings))


def rows_of(table: Node) -> Iterator[Node]:
    """The rows and the caption of a table, without those of tables in it."""
    for child in table.elements:
        if child.tag in ("tr", "caption"):
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in child.elements if row.tag == "tr")
