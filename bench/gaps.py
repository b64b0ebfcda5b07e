"""Measures how well questions are grouped into gaps: the queries of one thread should be one gap.

    python -m bench.gaps --data DIR [--model-dir DIR]

DIR is a collection in BEIR format in which several queries have the same document. Prints pairwise
F1 for the threshold of the gap report and for others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.episode_accuracy import pairwise_f1
from bench.retrieval import load
from kb_app.analytics.gaps.clustering import average_linkage, without_common
from kb_app.analytics.gaps.gaps import SAME_GAP
from kb_app.services.search_adapters import CentredQuestions
from search.analysis.language import detect
from search.embedding.loader import load_embedder

BESIDE = (0.15, 0.2, 0.3, 0.34, 0.4, 0.45, 0.5)


def main() -> None:
    """Embed the queries, group them and print F1 per threshold."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    flags = parser.parse_args()
    collection = load(flags.data)
    threads = {
        query: sorted(documents)[0] for query, documents in collection.relevant.items() if documents
    }
    queries = [(name, text) for name, text in collection.queries if name in threads]
    names, texts = [name for name, _ in queries], [text for _, text in queries]
    encode = CentredQuestions(load_embedder("", flags.model_dir))
    langs = [detect(text, ("ja", "en")) for text in texts]
    vectors = encode(texts, langs)
    corrected = without_common(vectors)
    print(f"{len(names)} queries, {len(set(threads.values()))} threads")
    for threshold in sorted({SAME_GAP, *BESIDE}):
        used = "  <- used" if threshold == SAME_GAP else ""
        plain_f1 = pairwise_f1(
            average_linkage(vectors, threshold, langs), [threads[name] for name in names]
        )
        f1 = pairwise_f1(
            average_linkage(corrected, threshold, langs), [threads[name] for name in names]
        )
        print(
            f"{threshold:.2f}  F1 {f1:.3f}, "
            f"{plain_f1:.3f} without subtracting the common component{used}"
        )


if __name__ == "__main__":
    main()
