"""Measures which duplicate and contradicting articles are found, and fits the weights for it.

    python -m bench.article_pairs [--fit] [--articles DIR] [--model-dir DIR] [--json]

bench/data/article-pairs.jsonl has pairs of articles, each labelled duplicate, contradiction or
neither. The articles of one half (even or odd lines) are one knowledge base. Weights that --fit
prints are chosen on the even lines and shown on the odd ones. Pairs of articles that no line names
count as wrong when they are reported: their lines are about other businesses. Beside them stand the
articles of DIR, a site without contradictions: its English ones with the even lines, its Japanese
ones with the odd lines. "either" asks only
whether a pair was reported at all: many contradicting articles tell the same otherwise.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from indexer.build import Paths, build
from indexer.checking.candidate_pairs import Pair, pairs_of
from indexer.checking.overlaps import Compared, Overlap, compared, judged
from search.embedding.background import BackgroundEmbedder
from search.embedding.loader import load_embedder
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.ports import Embedder

PAIRS = Path(__file__).parent / "data" / "article-pairs.jsonl"
KINDS, EITHER = ("duplicate", "contradiction"), "either"
# Inverse of the regularisation: the features go together, and the examples are few.
STRENGTH = 0.1


@dataclass(frozen=True)
class Half:
    """Half of the labelled pairs, with what was compared of them."""

    labels: Mapping[tuple[str, str], str]
    langs: Mapping[tuple[str, str], str]
    pairs: Sequence[Compared]

    def label(self, one: Compared) -> str:
        """The label of a pair; neither for one that no line names."""
        return self.labels.get(ids_of(one.pair), "neither")


def main() -> None:
    """Parse the flags, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    embedder = BackgroundEmbedder(lambda: load_embedder("", flags.model_dir))
    embedder.start()
    if not embedder.wait():
        parser.error(embedder.failure)
    lines = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as data:
        for half, lang in (("even", "en"), ("odd", "ja")):
            shutil.copytree(flags.articles / lang, Path(data) / half / "articles" / lang)
        even = half_of(lines[::2], Path(data) / "even", embedder)
        odd = half_of(lines[1::2], Path(data) / "odd", embedder)
    report: dict[str, Any] = {"even lines": figures(even), "odd lines": figures(odd)}
    if flags.fit:
        report["weights"] = {kind: fitted(even, kind) for kind in KINDS}
    print(json.dumps(report, indent=None if flags.json else 1, ensure_ascii=False))


def half_of(lines: Sequence[dict[str, Any]], data: Path, embedder: Embedder) -> Half:
    """One knowledge base of the articles of these lines, compared."""
    labels, langs = {}, {}
    for line in lines:
        ids = tuple(sorted((f"{line['id']}-a", f"{line['id']}-b")))
        labels[ids[0], ids[1]], langs[ids[0], ids[1]] = line["label"], line["lang"]
        for end, side in (("a", "one"), ("b", "other")):
            path = data / "articles" / line["lang"] / "general" / f"{line['id']}-{end}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            title = json.dumps(line[side]["title"], ensure_ascii=False)
            front = f"---\nid: {line['id']}-{end}\ntitle: {title}\n---\n"
            path.write_text(f"{front}{line[side]['text']}\n", encoding="utf-8")
    paths = Paths(data / "articles", data)
    build(paths, embedder)
    corpus = open_corpus(Builds(paths.index).open_current())
    return Half(labels, langs, list(compared(list(pairs_of(corpus)), embedder)))


def ids_of(pair: Pair) -> tuple[str, str]:
    """The ids of a pair, sorted."""
    first, second = sorted((pair.one.document.id, pair.other.document.id))
    return first, second


def figures(half: Half) -> dict[str, Any]:
    """Precision and recall of each kind, over all and by language."""
    judgements = ((ids_of(one.pair), judged(one)) for one in half.pairs)
    found = {ids: one for ids, one in judgements if one is not None}
    report: dict[str, Any] = {
        "compared": len(half.pairs),
        "labelled and compared": sum(ids_of(one.pair) in half.labels for one in half.pairs),
        "reported of the site": sum(ids not in half.labels for ids in found),
    }
    for lang in ("all", *sorted(set(half.langs.values()))):
        labels = {
            ids: label for ids, label in half.labels.items() if lang in ("all", half.langs[ids])
        }
        own = {ids: one for ids, one in found.items() if ids in labels or lang == "all"}
        report[lang] = {kind: _figures_of(labels, own, kind) for kind in (*KINDS, EITHER)}
    return report


def _figures_of(
    labels: Mapping[tuple[str, str], str], found: Mapping[tuple[str, str], Overlap], kind: str
) -> dict[str, float]:
    kinds = KINDS if kind == EITHER else (kind,)
    reported = {ids for ids, one in found.items() if one.kind in kinds}
    right = {ids for ids in reported if labels.get(ids) in kinds}
    wanted = sum(label in kinds for label in labels.values())
    return {
        "reported": len(reported),
        "right": len(right),
        "labelled": wanted,
        "precision": round(len(right) / max(len(reported), 1), 3),
        "recall": round(len(right) / max(wanted, 1), 3),
    }


def fitted(half: Half, kind: str) -> dict[str, Any]:
    """The weights of a kind by logistic regression on one half.

    Of the sentences of a pair those that the weights find likeliest count, as in use.
    """
    kept = [
        (np.array(rows), half.label(one) == kind)
        for one in half.pairs
        if (rows := _features(one, kind))
    ]
    labels = [label for _, label in kept]
    scaler = StandardScaler().fit(np.concatenate([rows for rows, _ in kept]))
    model, places = LogisticRegression(C=STRENGTH, max_iter=1000), [0] * len(kept)
    for _ in range(15):
        chosen = np.stack([rows[place] for (rows, _), place in zip(kept, places, strict=True)])
        model.fit(scaler.transform(chosen), labels)
        scores = [model.decision_function(scaler.transform(rows)) for rows, _ in kept]
        places = [int(np.argmax(each)) for each in scores]
    factors = model.coef_[0] / scaler.scale_
    constant = model.intercept_[0] - float(factors @ scaler.mean_)
    return {"factors": [round(float(one), 3) for one in factors], "constant": round(constant, 3)}


def _features(one: Compared, kind: str) -> list[tuple[float, ...]]:
    if kind == "duplicate":
        return [one.whole]
    return [each.features for each in one.conflicts]


if __name__ == "__main__":
    main()
