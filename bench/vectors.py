"""Compares vector index strategies: ms per query and recall@10 against exact search.

    python -m bench.vectors [--rows N ...] [--articles DIR] [--model-dir DIR] [--cache FILE]

The rows are section vectors of the sample articles plus noise; the queries are their questions.
Each query does what a search does: the top 200 rows, then the scores of 1,000 given rows.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import get_args

import numpy as np

from bench.corpus import ReadyVectors, material
from bench.speed import percentiles, timed
from indexer.bundling.build_cache import BuildCache
from search.embedding.loader import load_embedder
from search.ports import Vector
from search.vectors.vector_index import FileVectors, Strategy, save_vectors

NEAREST, GIVEN = 200, 1_000
ASKED = 60


def crowd(bases: Vector, rows: int, chance: np.random.Generator) -> Vector:
    """Return unit vectors near the given ones, shape (rows, dimension)."""
    moved = bases[chance.integers(0, len(bases), rows)] + chance.normal(
        0, 0.004, (rows, bases.shape[1])
    )
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


def measure(
    rows: Vector, questions: Vector, strategy: Strategy, folder: Path, chance: np.random.Generator
) -> tuple[float, float]:
    """Return (ms, recall@10 against exact search) of one strategy."""
    path = folder / f"{strategy.replace(' ', '-')}-{len(rows)}.npy"
    save_vectors(path, rows, strategy)
    index = FileVectors(path, len(rows))
    given_rows = np.sort(chance.choice(len(rows), min(GIVEN, len(rows)), replace=False))

    def ask(question: Vector) -> None:
        comparison = index.compare(question)
        comparison.top_k(NEAREST)
        comparison.scores_for(given_rows)

    ask(questions[0])
    milliseconds, _ = percentiles(
        timed(
            [
                lambda question=question: ask(question)  # type: ignore[misc]
                for question in questions
            ]
        )
    )
    recalls = [
        len(
            set(index.compare(question).top_k(10)[0])
            & set(np.argsort(-(rows @ question))[:10].tolist())
        )
        / 10
        for question in questions
    ]
    return milliseconds, float(np.mean(recalls))


def main() -> None:
    """Parse the flags, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[2_000, 10_000, 50_000, 100_000, 200_000]
    )
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("var/bench/speed.sqlite"),
        help="cache of the vectors of the real texts",
    )
    flags = parser.parse_args()
    embedder, source = load_embedder("", flags.model_dir), material(flags.articles)
    flags.cache.parent.mkdir(parents=True, exist_ok=True)
    cache = BuildCache(flags.cache)
    ready = ReadyVectors(embedder, source, cache)
    cache.close()
    chance = np.random.default_rng(1)
    bases, questions = ready.vectors("passage"), ready.vectors("query")
    questions = questions[chance.choice(len(questions), ASKED, replace=False)]
    print(f"{'rows':>9s}" + "".join(f"{strategy:>24s}" for strategy in get_args(Strategy)))
    with tempfile.TemporaryDirectory() as folder:
        for count in flags.rows:
            rows = crowd(bases, count, chance)
            results = [
                measure(rows, questions, strategy, Path(folder), chance)
                for strategy in get_args(Strategy)
            ]
            print(
                f"{count:9,d}"
                + "".join(f"{took:14.2f} ms {recall:7.3f}" for took, recall in results),
                flush=True,
            )


if __name__ == "__main__":
    main()
