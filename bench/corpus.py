"""Generates a knowledge base of any size from real articles, for the other benchmarks.

Sections of real articles are recombined under real questions. The same seed gives the same
articles. Each article contains its own product code, so that no two are equal.
"""

from __future__ import annotations

import random
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

import numpy as np

from indexer.bundling.build_cache import BuildCache, vector_key
from indexer.bundling.passages import to_passages
from indexer.collect import collect
from indexer.model import Article, Section
from search.ports import Embedder, Kind, Vector

# Distance of a generated vector from its real one, like that of nearest neighbours of e5-small.
NOISE = 0.35


@dataclass(frozen=True)
class Material:
    """Sections and questions of real articles in one language."""

    sections: list[Section]
    questions: list[str]


def material(folder: Path) -> dict[str, Material]:
    """Return the material to generate articles from, by language."""
    with tempfile.TemporaryDirectory() as temporary:
        cache = BuildCache(Path(temporary) / "cache.sqlite")
        articles = collect(folder, cache, UTC).articles
        cache.close()
    sections: dict[str, list[Section]] = defaultdict(list)
    questions: dict[str, list[str]] = defaultdict(list)
    for article in articles:
        sections[article.lang] += [section for section in article.sections if section.text]
        questions[article.lang] += [article.title, *article.questions, *article.tests]
    return {lang: Material(sections[lang], questions[lang]) for lang in sections}


def made_articles(source: dict[str, Material], passages: int, seed: int = 7) -> list[Article]:
    """Generate articles with ``passages`` passages in total.

    The articles are in the languages of the material in turn.
    """
    rng = random.Random(seed)
    articles: list[Article] = []
    remaining = passages
    while remaining > 0:
        lang = sorted(source)[len(articles) % len(source)]
        article = _article(source[lang], lang, len(articles), rng)
        count = len(to_passages(article))
        if count > remaining:
            article = replace(
                article, sections=(Section("", "", 0, source[lang].questions[remaining]),)
            )
            count = 1
        articles.append(article)
        remaining -= count
    return articles


def _article(source: Material, lang: str, number: int, chance: random.Random) -> Article:
    code = f"TB-{number:05d}"
    chosen_sections = chance.sample(source.sections, chance.randint(1, 4))
    sections = tuple(
        Section(section.heading or "-", f"s{place}", 2, f"{section.text}\n{code}-{place}")
        for place, section in enumerate(chosen_sections)
    )
    questions = chance.sample(source.questions, 2)
    name = f"made-{number}"
    title = f"{questions[0]} ({code})"
    return Article(
        name,
        lang,
        title,
        "bench",
        slug=name,
        path=name,
        questions=(f"{questions[1]} {code}",),
        sections=sections,
    )


def new_queries(source: dict[str, Material], count: int, seed: int) -> list[tuple[str, str]]:
    """Return (text, language) of generated queries; another seed gives other queries."""
    rng = random.Random(seed)
    queries: dict[str, str] = {}
    while len(queries) < count:
        lang = rng.choice(sorted(source))
        question = rng.choice(source[lang].questions)
        word = rng.choice(source[lang].sections).text.split("。" if lang == "ja" else " ")[0][:12]
        queries[f"{question} {word} {rng.randint(1, 999_999)}"] = lang
    return list(queries.items())


class ReadyVectors:
    """An embedder for generated articles that takes no time.

    A vector is that of the real text plus noise. Implements ports.Embedder; ``fingerprint`` is that
    of the real embedder, which embeds the queries.
    """

    calibrated = True

    def __init__(self, real: Embedder, source: dict[str, Material], cache: BuildCache) -> None:
        self.fingerprint = real.fingerprint
        bases: dict[Kind, list[str]] = {
            "passage": [section.text for made in source.values() for section in made.sections],
            "query": [question for made in source.values() for question in made.questions],
        }
        self._known: dict[Kind, dict[str, Vector]] = {}
        for kind, texts in bases.items():
            unique = list(dict.fromkeys(texts))
            keys = [vector_key(real.fingerprint, kind, text) for text in unique]
            vectors, _ = cache.vectors(
                real, keys, unique.__getitem__, kind, lambda _done, _total: None
            )
            self._known[kind] = dict(zip(unique, vectors, strict=True))

    def vectors(self, kind: Kind) -> Vector:
        """Return the vectors of the real texts, shape (texts, dimension)."""
        return np.stack(list(self._known[kind].values()))

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Return unit vectors, shape (len(texts), dimension).

        The same text always gives the same vector.
        """
        known = self._known[kind]
        fallback = next(iter(known.values()))
        moved = np.stack(
            [known.get(_base(text, kind), fallback) + _noise(text, len(fallback)) for text in texts]
        )
        return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


def _base(text: str, kind: Kind) -> str:
    """Return the real text of a generated one.

    Passages start with title and heading and end with a code; questions end with a code.
    """
    if kind == "query":
        return text.rsplit(" ", 1)[0]
    body = text.rsplit("\n", 1)[0].split("\n")
    return "\n".join(body[2:])


def _noise(text: str, dimension: int) -> Vector:
    noise = np.random.default_rng(zlib.crc32(text.encode())).normal(size=dimension)
    return (noise * NOISE / np.linalg.norm(noise)).astype(np.float32)
