"""What comparisons of the articles found, and the links to other sites, in the database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, delete, select, update

from kb_app.db import schema
from kb_app.db.writing import ROWS, insert_new, storable

_findings, _links = schema.article_findings, schema.external_links


@dataclass(frozen=True)
class Finding:
    """Two articles that tell the same ("duplicate") or contradict each other ("contradiction").

    ``set_aside_by`` is who said that it is none, or "". ``stamp`` tells versions of the articles
    apart where there are no quotes.
    """

    kind: str
    article_id: str
    other_id: str
    probability: float
    quote: str = ""
    other_quote: str = ""
    found_at: int = 0
    set_aside_by: str = ""
    stamp: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        """The key is the same for the same articles, quotes and stamp."""
        parts = (
            self.kind,
            self.article_id,
            self.other_id,
            self.quote,
            self.other_quote,
            self.stamp,
        )
        object.__setattr__(self, "key", self.key or _hash("\x00".join(parts)))


@dataclass(frozen=True)
class ExternalLink:
    """A link to another site. ``outcome`` is "ok", an HTTP status, or why there was no answer."""

    url: str
    article_ids: tuple[str, ...] = ()
    checked_at: int = 0
    failures: int = 0
    failed_since: int = 0
    outcome: str = ""


class ArticleFindings:
    """Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def replace(self, found: Iterable[Finding]) -> None:
        """Keep these findings and no others; those that were set aside stay so."""
        rows = {one.key: _row(one) for one in found}
        with self._engine.begin() as connection:
            known = set(connection.execute(select(_findings.c.key)).scalars())
            gone = sorted(known - rows.keys())
            for start in range(0, len(gone), ROWS):
                here = _findings.c.key.in_(gone[start : start + ROWS])
                connection.execute(delete(_findings).where(here))
            insert_new(connection, _findings, [rows[key] for key in sorted(rows.keys() - known)])
            for key in sorted(rows.keys() & known):
                chance = rows[key]["probability"]
                other = (_findings.c.key == key) & (_findings.c.probability != chance)
                connection.execute(update(_findings).where(other).values(probability=chance))

    def all(self) -> list[Finding]:
        """All findings, the likeliest first."""
        order = (_findings.c.probability.desc(), _findings.c.key)
        with self._engine.connect() as connection:
            rows = connection.execute(select(_findings).order_by(*order)).mappings()
            return [Finding(**row) for row in rows]

    def set_aside(self, key: str, by: str) -> bool:
        """Say that a finding is none; with "" it counts again. Returns whether it is there."""
        here = _findings.c.key == key
        with self._engine.begin() as connection:
            statement = update(_findings).where(here).values(set_aside_by=by[:200])
            return bool(connection.execute(statement).rowcount)

    def keep_links(self, used: Mapping[str, Sequence[str]]) -> None:
        """Keep the links that articles have: the ids of the articles by URL."""
        rows = {_hash(url): (storable(url), json.dumps(list(ids))) for url, ids in used.items()}
        with self._engine.begin() as connection:
            query = select(_links.c.url_hash, _links.c.article_ids)
            known = {row.url_hash: row.article_ids for row in connection.execute(query)}
            gone = sorted(known.keys() - rows.keys())
            for start in range(0, len(gone), ROWS):
                here = _links.c.url_hash.in_(gone[start : start + ROWS])
                connection.execute(delete(_links).where(here))
            new = [
                {"url_hash": key, "url": url, "article_ids": ids}
                for key, (url, ids) in rows.items()
                if key not in known
            ]
            insert_new(connection, _links, new)
            for key, (_url, ids) in rows.items():
                if known.get(key, ids) != ids:
                    same = _links.c.url_hash == key
                    connection.execute(update(_links).where(same).values(article_ids=ids))

    def links(self) -> list[ExternalLink]:
        """All links, those that were looked at longest ago first."""
        columns = [one for one in _links.c if one.name != "url_hash"]
        with self._engine.connect() as connection:
            query = select(*columns).order_by(_links.c.checked_at, _links.c.url_hash)
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [
            ExternalLink(**row | {"article_ids": tuple(json.loads(row["article_ids"]))})
            for row in rows
        ]

    def note_link(self, link: ExternalLink) -> None:
        """Store how a look at a link ended."""
        values = {
            "checked_at": link.checked_at,
            "failures": link.failures,
            "failed_since": link.failed_since,
            "outcome": link.outcome[:32],
        }
        here = _links.c.url_hash == _hash(link.url)
        with self._engine.begin() as connection:
            connection.execute(update(_links).where(here).values(**values))


def _row(finding: Finding) -> dict[str, object]:
    return {
        "key": finding.key,
        "kind": finding.kind,
        "article_id": finding.article_id,
        "other_id": finding.other_id,
        "quote": storable(finding.quote),
        "other_quote": storable(finding.other_quote),
        "probability": finding.probability,
        "found_at": finding.found_at,
        "set_aside_by": "",
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
