"""Measures the input range of each matrix column in the bundled model.

    python -m bench.activation_ranges [--model-dir DIR] [--write]

Runs the sentence-transformers model on sequences of random words. Prints, per layer, the ratio of
the largest column range to the median one. With --write it stores the ranges in
search/data/activation_ranges.npz, which search/embedding/onnx_export.py uses to equalise the
columns. Real questions and paragraphs give the same vectors (ADR 0006), so no text has to be
shipped.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TARGET = Path("search/data/activation_ranges.npz")
SEQUENCES, WORDS = 32, 30
# Submodule of a model layer -> name of its matrix product in the ONNX graph.
PARTS = {"attention.self.query": "qkv", "intermediate.dense": "wide"}


def reach_of(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return, per matrix, the median over sequences of the largest absolute input per column.

    Each array has shape (inputs,).
    """
    import torch

    seen: dict[str, list[NDArray[np.float32]]] = defaultdict(list)

    def record_inputs(name: str) -> Any:
        return lambda _module, given: seen[name].append(given[0][0].abs().amax(dim=0).numpy())

    for number, layer in enumerate(model.encoder.layer):
        for part, name in PARTS.items():
            layer.get_submodule(part).register_forward_pre_hook(record_inputs(f"l{number}.{name}"))
    generator = np.random.default_rng(0)
    bos, eos = 0, 2
    with torch.inference_mode():
        for _ in range(SEQUENCES):
            words = generator.integers(eos + 1, model.config.vocab_size, WORDS).tolist()
            model(input_ids=torch.tensor([[bos, *words, eos]]))
    return {
        name: np.median(np.stack(rows), axis=0).astype(np.float16) for name, rows in seen.items()
    }


def main() -> None:
    """Parse the flags, measure and print."""
    from transformers import AutoModel

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument("--write", action="store_true")
    flags = parser.parse_args()
    folder = next(flags.model_dir.glob("*/modules.json")).parent
    reach = reach_of(AutoModel.from_pretrained(str(folder), add_pooling_layer=False).eval())
    for name, values in reach.items():
        print(f"{name:10s} maximum / median {float(values.max() / np.median(values)):8.1f}")
    if flags.write:
        np.savez_compressed(TARGET, **reach)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
