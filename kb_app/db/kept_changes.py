"""Changes of articles that are not published yet: kept for later, or for somebody's review."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass

from sqlalchemy import Engine, delete, select, update

from kb_app.db import schema
from kb_app.db.writing import insert_once, storable

LATER, REVIEW = "later", "review"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_table = schema.kept_changes


@dataclass(frozen=True)
class KeptChange:
    """A text for an article file. ``base`` and ``digest`` are those of the file it was made of.

    ``by`` is the mail address of who changed it last, ``writers`` are those of all, with spaces
    between; ``at`` is the time in ms, ``note`` what a reviewer said.
    """

    path: str
    text: str
    base: str
    digest: str
    by: str
    at: int
    state: str = LATER
    note: str = ""
    writers: str = ""


class KeptChanges:
    """At most one change of each article; thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, path: str) -> KeptChange | None:
        """The change of an article."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_table).where(_here(path))).mappings().first()
        return _change(dict(row)) if row else None

    def all(self) -> list[KeptChange]:
        """All changes, the oldest first, without their texts."""
        columns = [one for one in _table.c if one.name not in ("text", "base")]
        with self._engine.connect() as connection:
            rows = connection.execute(select(*columns).order_by(_table.c.at)).mappings()
            return [_change(dict(row) | {"text": "", "base": ""}) for row in rows]

    def keep(self, change: KeptChange, seen_at: int) -> bool:
        """Keep a change in the place of the one of time ``seen_at``, 0 for none.

        Returns False, and changes nothing, if there is another one by now.
        """
        row = asdict(change) | {
            "path_hash": _hash(change.path),
            "text": storable(change.text),
            "base": storable(change.base),
            "note": storable(change.note),
            "by": change.by[:200],
            "digest": change.digest if _DIGEST.fullmatch(change.digest) else "",
        }
        with self._engine.begin() as connection:
            if not seen_at:
                return insert_once(connection, _table, row)
            same = _here(change.path) & (_table.c.at == seen_at)
            return bool(connection.execute(update(_table).where(same).values(**row)).rowcount)

    def remove(self, path: str, seen_at: int) -> bool:
        """Remove the change of time ``seen_at``; returns whether it was there."""
        with self._engine.begin() as connection:
            gone = delete(_table).where(_here(path) & (_table.c.at == seen_at))
            return bool(connection.execute(gone).rowcount)


def _here(path: str):  # type: ignore[no-untyped-def]
    return _table.c.path_hash == _hash(path)


def _hash(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()


def _change(row: dict[str, object]) -> KeptChange:
    row.pop("path_hash", None)
    return KeptChange(**row)  # type: ignore[arg-type]
