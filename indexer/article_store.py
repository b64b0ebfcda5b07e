"""The read side: articles, sections and images out of a bundle. A bundle has them in shards, so that an edit rewrites one."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from indexer.model import (
    ARTICLE_CODEC,
    SUMMARY_CODEC,
    Article,
    ArticleSummary,
    SectionInfo,
    memoized_on_article,
    to_summary,
)
from search.index.bundle import Bundle

SHARDS = 64
_IMAGE = re.compile(r'src="kb-image:([^"]+)"')
_CARDS, _HASHES, _SECTIONS = "library.json", "article-hashes.json", "sections.json"


class ArticleStore:
    """The articles of one bundle. Threads may share it; it never changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (folder / _CARDS).open("rb") as file:
            # One by one: all at once would hold up every request for as long.
            self.cards = {card.id: card for card in map(_card, file)}
        self.sections = {
            value["key"]: SectionInfo(**value) for value in _read_json(folder / _SECTIONS)
        }
        self._by_slug = {(card.lang, card.slug): card for card in self.cards.values()}
        self._by_alias = {
            (card.lang, alias): card for card in self.cards.values() for alias in card.aliases
        }
        self._groups: dict[str, list[ArticleSummary]] = defaultdict(list)
        for card in self.cards.values():
            self._groups[card.group].append(card)
        owners = _read_json(folder / "image-owners.json")
        self._image_owners = {
            name: [self.cards[owner] for owner in ids if owner in self.cards]
            for name, ids in owners.items()
        }

    @classmethod
    def open(cls, bundle: Bundle) -> ArticleStore:
        """The library of a bundle."""
        return cls(bundle.path)

    def article(self, article_id: str) -> Article | None:
        """One article, whole, read from its shard."""
        path = self._folder / "articles" / f"{_shard(article_id)}.jsonl"
        head = orjson.dumps({"id": article_id})[:-1]
        if article_id not in self.cards:
            return None
        with path.open("rb") as file:
            for line in file:
                if line.startswith(head):
                    return ARTICLE_CODEC.decode(line)
        return None

    def by_slug(self, lang: str, slug: str) -> ArticleSummary | None:
        """The article of that language and slug."""
        return self._by_slug.get((lang, slug))

    def by_alias(self, lang: str, slug: str) -> ArticleSummary | None:
        """The article that had that slug before."""
        return self._by_alias.get((lang, slug))

    def translations(self, card: ArticleSummary) -> list[ArticleSummary]:
        """The article and its translations, by language."""
        return sorted(self._groups[card.group], key=lambda other: other.lang)

    def visible(self, now: datetime, audiences: frozenset[str]) -> list[ArticleSummary]:
        """All articles that may be seen."""
        return [card for card in self.cards.values() if card.visible(now, audiences)]

    def image(self, name: str) -> Path | None:
        """The file of an image by its name in the bundle."""
        path = self._folder / "images" / name
        return path if "/" not in name and not name.startswith(".") and path.is_file() else None

    def image_owners(self, name: str) -> Sequence[ArticleSummary]:
        """The articles that show an image."""
        return self._image_owners.get(name, ())


def write_article_store(
    folder: Path,
    articles: Sequence[Article],
    hashes: Mapping[str, str],
    sections: Mapping[str, SectionInfo],
    previous: Bundle | None,
) -> set[str]:
    """Write articles and sections into a bundle's folder; returns the names of shards taken over from the previous one.

    ``hashes`` are the articles' own, by id.
    """
    (folder / "articles").mkdir()
    before = _previous_hashes(previous)
    gone = before.keys() - hashes.keys()
    changed = {_shard(name) for name, digest in hashes.items() if before.get(name) != digest} | set(
        map(_shard, gone)
    )
    shards: dict[str, list[Article]] = {_shard(article.id): [] for article in articles}
    reused: set[str] = set()
    for name in shards.keys() - changed:
        old = previous.path / "articles" / f"{name}.jsonl" if previous else None
        if old is not None and old.is_file():
            shutil.copyfile(old, folder / "articles" / f"{name}.jsonl")
            reused.add(f"articles/{name}.jsonl")
        else:
            changed.add(name)
    for article in articles:
        if _shard(article.id) in changed:
            shards[_shard(article.id)].append(article)
    for name in shards.keys() & changed:
        (folder / "articles" / f"{name}.jsonl").write_bytes(
            b"".join(map(ARTICLE_CODEC.encode, shards[name]))
        )
    _write_json(folder / _HASHES, dict(hashes))
    (folder / _CARDS).write_bytes(b"".join(_card_line(article) for article in articles))
    _write_json(folder / _SECTIONS, [asdict(section) for section in sections.values()])
    _write_json(folder / "image-owners.json", _image_owners(articles))
    return reused


def _image_owners(articles: Sequence[Article]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = defaultdict(list)
    for article in articles:
        for name in _images_of(article):
            owners[name].append(article.id)
    return owners


@memoized_on_article
def _images_of(article: Article) -> tuple[str, ...]:
    names = _IMAGE.findall(article.html) + ([article.cover] if article.cover else [])
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=20_000)
def _shard(article_id: str) -> str:
    return f"{int(hashlib.sha256(article_id.encode('utf-8', 'replace')).hexdigest()[:4], 16) % SHARDS:02x}"


def _previous_hashes(previous: Bundle | None) -> dict[str, str]:
    """The articles' hashes by id in the bundle before; nothing where there is none."""
    if previous is None:
        return {}
    try:
        return dict(_read_json(previous.path / _HASHES))
    except (OSError, ValueError):
        return {}


@memoized_on_article
def _card_line(article: Article) -> bytes:
    return SUMMARY_CODEC.encode(to_summary(article))


@lru_cache(maxsize=50_000)
def _card(line: bytes) -> ArticleSummary:
    """Remembered: of a newer index only what was saved is made anew."""
    return SUMMARY_CODEC.decode(line)


def _read_json(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


def _write_json(path: Path, value: object) -> None:
    path.write_bytes(orjson.dumps(value))
