"""Reads and writes the articles, sections and images of a bundle.

Articles are split into shards, so that an edit rewrites one shard only.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cached_property, lru_cache
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
_IMAGE = re.compile(r'(?:src|href)="kb-image:([^"]++)"')
_CARDS, _HASHES, _SECTIONS = "library.json", "article-hashes.json", "sections.json"


class ArticleStore:
    """The articles of one bundle. Immutable, and safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (folder / _CARDS).open("rb") as file:
            # Decoding line by line lets other threads take the GIL in between.
            self.summaries = {card.id: card for card in map(_card, file)}
        self.sections = {
            value["key"]: SectionInfo(**value) for value in _read_json(folder / _SECTIONS)
        }
        self._by_slug = {(card.lang, card.slug): card for card in self.summaries.values()}
        self._by_alias = {
            (card.lang, alias): card for card in self.summaries.values() for alias in card.aliases
        }
        self._groups: dict[str, list[ArticleSummary]] = defaultdict(list)
        for card in self.summaries.values():
            self._groups[card.group].append(card)
        owners = _read_json(folder / "image-owners.json")
        self._image_owners = {
            name: [self.summaries[owner] for owner in ids if owner in self.summaries]
            for name, ids in owners.items()
        }

    @classmethod
    def open(cls, bundle: Bundle) -> ArticleStore:
        """Open the articles of a bundle."""
        return cls(bundle.path)

    def article(self, article_id: str) -> Article | None:
        """Read one full article from its shard; None if there is none with this id."""
        path = self._folder / "articles" / f"{_shard(article_id)}.jsonl"
        head = orjson.dumps({"id": article_id})[:-1]
        if article_id not in self.summaries:
            return None
        with path.open("rb") as file:
            for line in file:
                if line.startswith(head):
                    return ARTICLE_CODEC.decode(line)
        return None

    def articles(self) -> Iterator[Article]:
        """Read all full articles, shard by shard."""
        for path in sorted((self._folder / "articles").glob("*.jsonl")):
            with path.open("rb") as file:
                yield from map(ARTICLE_CODEC.decode, file)

    def by_slug(self, lang: str, slug: str) -> ArticleSummary | None:
        """Return the article with this language and slug."""
        return self._by_slug.get((lang, slug))

    def by_alias(self, lang: str, slug: str) -> ArticleSummary | None:
        """Return the article that lists this slug as an alias."""
        return self._by_alias.get((lang, slug))

    def by_address(self, path: str) -> ArticleSummary | None:
        """Return the article that had this path elsewhere, or has it in another spelling."""
        return self._addresses.get(path.casefold())

    @cached_property
    def _addresses(self) -> dict[str, ArticleSummary]:
        found: dict[str, ArticleSummary] = {}
        for card in self.summaries.values():
            for address in (f"/{card.lang}/articles/{card.slug}", *card.addresses):
                found.setdefault(address.casefold(), card)
        return found

    def translations(self, card: ArticleSummary) -> list[ArticleSummary]:
        """Return the article and its translations, sorted by language."""
        return sorted(self._groups[card.group], key=lambda other: other.lang)

    def visible(self, now: datetime, audiences: frozenset[str]) -> list[ArticleSummary]:
        """Return all articles that these audiences may see at this time."""
        return [card for card in self.summaries.values() if card.visible(now, audiences)]

    def image(self, name: str) -> Path | None:
        """Return the path of an image by its name in the bundle; None if no article shows it."""
        return self._folder / "images" / name if name in self._image_owners else None

    def image_owners(self, name: str) -> Sequence[ArticleSummary]:
        """Return the articles that show an image."""
        return self._image_owners.get(name, ())


def write_article_store(
    folder: Path,
    articles: Sequence[Article],
    hashes: Mapping[str, str],
    sections: Mapping[str, SectionInfo],
    previous: Bundle | None,
) -> set[str]:
    """Write articles and sections into a bundle's folder.

    ``hashes`` maps each article id to the article's digest. Returns the names of the shards that
    were copied from the previous bundle.
    """
    (folder / "articles").mkdir()
    previous_hashes = _previous_hashes(previous)
    deleted = previous_hashes.keys() - hashes.keys()
    changed = {
        _shard(name) for name, digest in hashes.items() if previous_hashes.get(name) != digest
    } | set(map(_shard, deleted))
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
    digest = hashlib.sha256(article_id.encode("utf-8", "replace")).hexdigest()
    return f"{int(digest[:4], 16) % SHARDS:02x}"


def _previous_hashes(previous: Bundle | None) -> dict[str, str]:
    """Return the article digests of the previous bundle by id; {} if there are none."""
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
    """Decode a summary. Cached, so that a newer index decodes only the changed articles."""
    return SUMMARY_CODEC.decode(line)


def _read_json(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


def _write_json(path: Path, value: object) -> None:
    path.write_bytes(orjson.dumps(value))
