"""Exports the bundled model as an 8-bit ONNX graph for serving (ADR 0006).

The graph is built node by node from the weights, without torch, and uses onnxruntime's fused
attention and normalisation. Weights are integers up to onnx_graph.LARGEST with one scale per
column; inputs are quantised to 8 bits at run time (DynamicQuantizeMatMul). Word embeddings have 8
bits and one scale per row. A single scale per input would lose precision where one column or row
has a much larger range, so ranges are balanced first: columns by the ranges in
data/activation_ranges.npz (measured by bench/activation_ranges.py), rows at run time. The arrays
are in a separate file that onnxruntime maps into memory.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from search.array_files import load_arrays
from search.checksums import sha256_of
from search.embedding.bundled_model import SEAL, Progress, quiet, work_folder
from search.embedding.onnx_graph import (
    _FLOAT,
    _INT64,
    _MICROSOFT,
    Array,
    Weights,
    _Graph,
    _whole,
    quantise,
)
from search.embedding.tokenizer import PIECES, write_pieces
from search.errors import ModelError

FOLDER = "onnx"
GRAPH = "encoder.onnx"
ARRAYS = "arrays.bin"
STAMP = "kb-export.json"
# Increase when the graph changes, so that exports of older versions are rebuilt.
VERSION = 3
_ACTIVATION_RANGES = Path(__file__).resolve().parents[1] / "data" / "activation_ranges.npz"


def ensure_export(folder: Path, progress: Progress = quiet) -> Path:
    """Return the export folder of the unpacked model in ``folder``.

    The export is written if missing or damaged. Raises ModelError when that fails.
    """
    target = folder / FOLDER
    if is_whole(target, folder):
        return target
    progress("preparing the model for serving", 0, 1)
    work = work_folder(target)
    try:
        _write(folder, work)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(work, target)
    except (OSError, ImportError, KeyError, ValueError) as error:
        raise ModelError(
            f"The model in {folder} could not be prepared for serving: {error}. "
            f"Remove {folder} and start again."
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress("preparing the model for serving", 1, 1)
    return target


def is_whole(target: Path, folder: Path) -> bool:
    """Return whether ``target`` has an undamaged export, of this version and these weights."""
    try:
        stamp = json.loads((target / STAMP).read_text(encoding="utf-8"))
        same = stamp["version"] == VERSION and stamp["weights_sha256"] == _sealed(folder)
        return same and all(
            sha256_of(target / name) == digest for name, digest in stamp["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _write(folder: Path, work: Path) -> None:
    import onnx
    from safetensors.numpy import load_file

    if sha256_of(folder / "model.safetensors") != _sealed(folder):
        raise ValueError("model.safetensors is damaged: its checksum differs")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = _model(_encoder(load_file(folder / "model.safetensors"), config, _reach()), config)
    work.mkdir()
    onnx.save(
        model,
        work / GRAPH,
        save_as_external_data=True,
        location=ARRAYS,
        size_threshold=1024,
        convert_attribute=False,
    )
    write_pieces(folder, work / PIECES)
    stamp = {
        "version": VERSION,
        "weights_sha256": _sealed(folder),
        "files": {name: sha256_of(work / name) for name in (GRAPH, ARRAYS, PIECES)},
    }
    (work / STAMP).write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def _sealed(folder: Path) -> str:
    return str(json.loads((folder / SEAL).read_text(encoding="utf-8"))["weights_sha256"])


def _reach() -> Weights:
    ranges = load_arrays(_ACTIVATION_RANGES)
    return {name: bounds.astype(np.float32) for name, bounds in ranges.items()}


# --- graph construction ---------------------------------------------------------------------------


def _encoder(weights: Weights, config: dict[str, Any], reach: Weights) -> _Graph:
    graph = _Graph()
    _embeddings(graph, weights, config)
    hidden = "embedded"
    for layer in range(config["num_hidden_layers"]):
        hidden = _layer(graph, weights, config, reach, layer, hidden)
    # Mean pooling over all tokens: with one text per call there is no padding.
    graph.node("ReduceMean", [hidden, graph.array("axis1", np.array([1]))], "pooled", keepdims=0)
    return graph


def _embeddings(graph: _Graph, weights: Weights, config: dict[str, Any]) -> None:
    rows, scales = quantise(weights["embeddings.word_embeddings.weight"], largest=127)
    graph.node("Gather", [graph.array("words.q", rows), "input_ids"], "words.picked")
    graph.node("Cast", ["words.picked"], "words.float", to=_FLOAT)
    graph.node("Gather", [graph.array("words.s", scales), "input_ids"], "words.scale")
    graph.node("Mul", ["words.float", "words.scale"], "words.embedded")
    # There is only one token type, so its embedding is added to every position.
    positions = (
        weights["embeddings.position_embeddings.weight"]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    graph.array("places", positions.astype(np.float32))
    graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    graph.node(
        "Slice",
        [
            "places",
            graph.array("zero", np.array([0])),
            "length",
            graph.array("axis0", np.array([0])),
        ],
        "placed",
    )
    graph.node("Add", ["words.embedded", "placed"], "summed")
    scale = graph.array("embedded.g", weights["embeddings.LayerNorm.weight"])
    shift = graph.array("embedded.n", weights["embeddings.LayerNorm.bias"])
    graph.node(
        "LayerNormalization",
        ["summed", scale, shift],
        "embedded",
        epsilon=config["layer_norm_eps"],
        axis=-1,
    )


def _layer(
    graph: _Graph, weights: Weights, config: dict[str, Any], reach: Weights, layer: int, source: str
) -> str:
    def of(name: str, kind: str = "weight") -> Array:
        return weights[f"encoder.layer.{layer}.{name}.{kind}"].astype(np.float32)

    def normalised(part: str, added: str, skip: str, output: str) -> str:
        """Add a residual layer normalisation; two nodes are faster than onnxruntime's fused one."""
        summed = graph.node("Add", [added, skip], f"{output}.summed")
        scale, shift = (
            graph.array(f"{output}.g", of(f"{part}.LayerNorm")),
            graph.array(f"{output}.n", of(f"{part}.LayerNorm", "bias")),
        )
        return graph.node(
            "LayerNormalization",
            [summed, scale, shift],
            output,
            epsilon=config["layer_norm_eps"],
            axis=-1,
        )

    prefix = f"l{layer}"
    parts = ("attention.self.query", "attention.self.key", "attention.self.value")
    qkv_weights, qkv_bias = (
        np.concatenate([of(part) for part in parts]),
        np.concatenate([of(part, "bias") for part in parts]),
    )
    qkv = graph.product_by_columns(
        source, qkv_weights, f"{prefix}.qkv", qkv_bias, reach[f"{prefix}.qkv"]
    )
    thirds = graph.split(qkv, [f"{prefix}.query", f"{prefix}.key", f"{prefix}.value"])
    attended = graph.node(
        "MultiHeadAttention",
        thirds,
        f"{prefix}.seen",
        _MICROSOFT,
        num_heads=config["num_attention_heads"],
    )
    projected = graph.product(
        attended,
        of("attention.output.dense"),
        f"{prefix}.told",
        of("attention.output.dense", "bias"),
    )
    middle = normalised("attention.output", projected, source, f"{prefix}.middle")
    intermediate = graph.product_by_columns(
        middle,
        of("intermediate.dense"),
        f"{prefix}.wide",
        of("intermediate.dense", "bias"),
        reach[f"{prefix}.wide"],
    )
    activated = graph.node("Gelu", [intermediate], f"{prefix}.bent", _MICROSOFT)
    narrow = graph.product_by_rows(
        activated, of("output.dense"), f"{prefix}.narrow", of("output.dense", "bias")
    )
    return normalised("output", narrow, middle, f"{prefix}.out")


def _model(graph: _Graph, config: dict[str, Any]) -> Any:
    return _whole(
        graph,
        ("input_ids", _INT64, ["text", "tokens"]),
        ("pooled", _FLOAT, ["text", config["hidden_size"]]),
    )
