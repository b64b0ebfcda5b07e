"""Cells of CSV files that a spreadsheet would read as a formula (OWASP: CSV injection). Pure."""

from __future__ import annotations

_FORMULA = tuple("=+-@＝＋－＠\t\r\n")


def guarded(cell: str) -> str:
    """The cell after an apostrophe where a spreadsheet would calculate it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def unguarded(cell: str) -> str:
    """The cell as it was before ``guarded``."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
