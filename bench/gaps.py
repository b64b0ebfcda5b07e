"""How far questions are grouped as people group them: the queries of one thread are one gap.

    python -m bench.gaps --data DIR [--model-dir DIR]

DIR is a collection in BEIR layout in which several queries ask for one document. Prints pairwise F1 with the threshold that the gap
report uses, and with others beside it.
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
    """Embed the queries, group them, compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    flags = parser.parse_args()
    collection = load(flags.data)
    threads = {
        query: sorted(documents)[0] for query, documents in collection.relevant.items() if documents
    }
    asked = [(name, text) for name, text in collection.queries if name in threads]
    names, texts = [name for name, _ in asked], [text for _, text in asked]
    encode = CentredQuestions(load_embedder("", flags.model_dir))
    langs = [detect(text, ("ja", "en")) for text in texts]
    vectors = encode(texts, langs)
    own = without_common(vectors)
    print(f"{len(names)} queries, {len(set(threads.values()))} threads")
    for threshold in sorted({SAME_GAP, *BESIDE}):
        used = "  <- used" if threshold == SAME_GAP else ""
        shipped = pairwise_f1(
            average_linkage(vectors, threshold, langs), [threads[name] for name in names]
        )
        common = pairwise_f1(
            average_linkage(own, threshold, langs), [threads[name] for name in names]
        )
        print(
            f"{threshold:.2f}  F1 {common:.3f}, {shipped:.3f} without taking away what they have in common{used}"
        )


if __name__ == "__main__":
    main()
