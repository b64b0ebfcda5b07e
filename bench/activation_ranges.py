"""How far each input column of the bundled model's matrices reaches: what search/onnx_export.py evens out.

    python -m bench.activation_ranges [--model-dir DIR] [--write]

Runs the model of sentence-transformers over sequences of words drawn by lot and prints, a layer a line, how much further the furthest column
reaches than the middle one; with --write stores search/data/input_reach.npz. Real questions and paragraphs gave the same vectors
(docs/decisions/0006), so that no text need be shipped for it.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TARGET = Path("search/data/input_reach.npz")
SEQUENCES, WORDS = 32, 30
# The part of the model's own layer -> the name of its product in the graph.
PARTS = {"attention.self.query": "qkv", "intermediate.dense": "wide"}


def reach_of(model: Any) -> dict[str, NDArray[np.float32]]:
    """Of each matrix the middle, over the sequences, of the largest absolute input a column, (inputs,)."""
    import torch

    seen: dict[str, list[NDArray[np.float32]]] = defaultdict(list)

    def look(name: str) -> Any:
        return lambda _module, given: seen[name].append(given[0][0].abs().amax(dim=0).numpy())

    for number, layer in enumerate(model.encoder.layer):
        for part, name in PARTS.items():
            layer.get_submodule(part).register_forward_pre_hook(look(f"l{number}.{name}"))
    chance = np.random.default_rng(0)
    bos, eos = 0, 2
    with torch.inference_mode():
        for _ in range(SEQUENCES):
            words = chance.integers(eos + 1, model.config.vocab_size, WORDS).tolist()
            model(input_ids=torch.tensor([[bos, *words, eos]]))
    return {
        name: np.median(np.stack(rows), axis=0).astype(np.float16) for name, rows in seen.items()
    }


def main() -> None:
    """Parse flags, look, print."""
    from transformers import AutoModel

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument("--write", action="store_true")
    flags = parser.parse_args()
    folder = next(flags.model_dir.glob("*/modules.json")).parent
    reach = reach_of(AutoModel.from_pretrained(str(folder), add_pooling_layer=False).eval())
    for name, values in reach.items():
        print(f"{name:10s} furthest / middle {float(values.max() / np.median(values)):8.1f}")
    if flags.write:
        np.savez_compressed(TARGET, **reach)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
