"""Writes the bundled model as ONNX graphs for serving. The only file that imports onnx.

The graph is written node by node from the weights: it then needs no torch to be made, and uses onnxruntime's fused attention,
normalisation and block-quantised matrix product (MatMulNBits). Matrices are in blocks of 32 weights with a scale each, in 4 bits
where those give back every weight exactly (the bundled model's do: it came in 4 bits) and else in 8; word embeddings in 8 bits
with a scale a row. Two graphs share the arrays: QUERY computes in int8 and is the faster for one text, BULK in float32 and is the
faster for many. The arrays lie in a file of their own, which onnxruntime maps into memory. docs/decisions/0006 has the figures.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.bundled_model import SEAL, Progress, quiet, sha256_of
from search.errors import ModelError

BLOCK = 32
FOLDER = "onnx"
QUERY = "query.onnx"
BULK = "bulk.onnx"
ARRAYS = "arrays.bin"
STAMP = "kb-export.json"
# Changes with the graph, so that one written by an older version is made anew.
VERSION = 1
_MICROSOFT = "com.microsoft"
# onnxruntime's accuracy_level: what MatMulNBits computes in.
_INT8, _FLOAT32 = 4, 0
_FLOAT, _INT32 = 1, 6  # onnx.TensorProto's numbers

Array = NDArray[Any]
Weights = Mapping[str, Array]


@dataclass
class _Graph:
    """Nodes and arrays while the graph is being written."""

    nodes: list[Any] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)

    def node(self, operator: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def split(self, source: str, outputs: list[str]) -> list[str]:
        """Add a node that cuts the last axis into equal parts; returns their names."""
        from onnx import helper

        self.nodes.append(helper.make_node("Split", [source], outputs, name=f"{source}.split", axis=-1, num_outputs=len(outputs)))
        return outputs

    def array(self, name: str, values: Array) -> str:
        """Add a constant; returns its name."""
        self.arrays[name] = np.ascontiguousarray(values)
        return name

    def product(self, source: str, weights: Array, output: str) -> str:
        """source x weights^T, the weights of shape (outputs, inputs) in blocks."""
        bits, quantised, scales = quantise(weights)
        inputs = [source, self.array(f"{output}.q", quantised), self.array(f"{output}.s", scales)]
        rows, columns = weights.shape
        return self.node("MatMulNBits", inputs, output, _MICROSOFT, K=columns, N=rows, bits=bits, block_size=BLOCK, accuracy_level=_INT8)


def ensure_export(folder: Path, progress: Progress = quiet) -> Path:
    """The graphs of the unpacked bundled model in ``folder``, written beside it when they are not there or damaged.

    Raises ModelError when that cannot be done.
    """
    target = folder / FOLDER
    if is_whole(target, folder):
        return target
    progress("preparing the model for serving", 0, 1)
    work = folder / f".{FOLDER}.{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    try:
        _write(folder, work)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(work, target)
    except (OSError, ImportError, KeyError, ValueError) as error:
        raise ModelError(f"The model in {folder} could not be made ready for serving: {error}. Remove {folder} and start again.") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress("preparing the model for serving", 1, 1)
    return target


def is_whole(target: Path, folder: Path) -> bool:
    """Whether the graphs in ``target`` are of this version, of the weights in ``folder``, and undamaged."""
    try:
        stamp = json.loads((target / STAMP).read_text(encoding="utf-8"))
        same = stamp["version"] == VERSION and stamp["weights_sha256"] == _sealed(folder)
        return same and all(sha256_of(target / name) == digest for name, digest in stamp["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _write(folder: Path, work: Path) -> None:
    import onnx
    from safetensors.numpy import load_file

    if sha256_of(folder / "model.safetensors") != _sealed(folder):
        raise ValueError("model.safetensors is damaged, its checksum differs")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = _model(_encoder(load_file(folder / "model.safetensors"), config), config)
    work.mkdir()
    onnx.save(model, work / QUERY, save_as_external_data=True, location=ARRAYS, size_threshold=1024, convert_attribute=False)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "accuracy_level":
                attribute.i = _FLOAT32
    onnx.save(model, work / BULK)
    stamp = {"version": VERSION, "weights_sha256": _sealed(folder), "files": {name: sha256_of(work / name) for name in (QUERY, BULK, ARRAYS)}}
    (work / STAMP).write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def _sealed(folder: Path) -> str:
    return str(json.loads((folder / SEAL).read_text(encoding="utf-8"))["weights_sha256"])


def quantise(weights: Array) -> tuple[int, Array, Array]:
    """(bits, blocks, scales): weights (outputs, inputs) in 4 bits if those lose nothing, else in 8.

    Blocks run along the inputs and hold unsigned values around the middle, (outputs, blocks, bytes a block); value =
    (unsigned - 2^(bits-1)) * scale, with one scale a block, (outputs * blocks,).
    """
    blocks = weights.reshape(weights.shape[0], -1, BLOCK).astype(np.float32)
    values, scales = _levels(blocks, 4)
    if np.allclose(values * scales, blocks, rtol=0, atol=1e-6):
        nibbles = (values + 8).astype(np.uint8)
        return 4, nibbles[:, :, 0::2] | (nibbles[:, :, 1::2] << 4), scales.reshape(-1)
    values, scales = _levels(blocks, 8)
    return 8, (values + 128).astype(np.uint8), scales.reshape(-1)


def _levels(blocks: Array, bits: int) -> tuple[Array, Array]:
    """Whole numbers and scales; the largest weight of a block becomes the lowest number, so that it is kept exactly."""
    half = 2 ** (bits - 1)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=2, keepdims=True), axis=2)
    scales = (largest / -half).astype(np.float32)
    return np.clip(np.rint(blocks / np.where(scales == 0, 1, scales)), -half, half - 1), scales


def quantise_rows(weights: Array) -> tuple[Array, Array]:
    """int8 with one scale a row, (rows, 1)."""
    scales = np.maximum(np.abs(weights).max(axis=1, keepdims=True) / 127, 1e-12).astype(np.float32)
    return np.rint(weights / scales).astype(np.int8), scales


# --- the graph ----------------------------------------------------------------------------------------------------------


def _encoder(weights: Weights, config: dict[str, Any]) -> _Graph:
    graph = _Graph()
    _embeddings(graph, weights, config)
    hidden = "embedded"
    for layer in range(config["num_hidden_layers"]):
        hidden = _layer(graph, weights, config, layer, hidden)
    _mean(graph, hidden)
    return graph


def _embeddings(graph: _Graph, weights: Weights, config: dict[str, Any]) -> None:
    rows, scales = quantise_rows(weights["embeddings.word_embeddings.weight"])
    graph.node("Gather", [graph.array("words.q", rows), "input_ids"], "words.picked")
    graph.node("Cast", ["words.picked"], "words.float", to=_FLOAT)
    graph.node("Gather", [graph.array("words.s", scales), "input_ids"], "words.scale")
    graph.node("Mul", ["words.float", "words.scale"], "words.embedded")
    # There is one token type, so its row belongs to every position.
    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    graph.array("places", places.astype(np.float32))
    graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    graph.node("Slice", ["places", graph.array("zero", np.array([0])), "length", graph.array("axis0", np.array([0]))], "placed")
    graph.node("Add", ["words.embedded", "placed"], "summed")
    scale = graph.array("embedded.g", weights["embeddings.LayerNorm.weight"])
    shift = graph.array("embedded.n", weights["embeddings.LayerNorm.bias"])
    graph.node("LayerNormalization", ["summed", scale, shift], "embedded", epsilon=config["layer_norm_eps"], axis=-1)
    graph.node("Cast", ["attention_mask"], "mask", to=_INT32)


def _layer(graph: _Graph, weights: Weights, config: dict[str, Any], layer: int, source: str) -> str:
    def of(name: str, kind: str = "weight") -> Array:
        return weights[f"encoder.layer.{layer}.{name}.{kind}"].astype(np.float32)

    def normalised(part: str, added: str, skip: str, output: str) -> str:
        """Layer normalisation of ``added`` (with the bias of its product) and what it was made from."""
        constants = {"g": of(f"{part}.LayerNorm"), "n": of(f"{part}.LayerNorm", "bias"), "b": of(f"{part}.dense", "bias")}
        inputs = [added, skip, *(graph.array(f"{output}.{name}", values) for name, values in constants.items())]
        return graph.node("SkipLayerNormalization", inputs, output, _MICROSOFT, epsilon=config["layer_norm_eps"])

    own, parts = f"l{layer}", ("attention.self.query", "attention.self.key", "attention.self.value")
    joined = graph.product(source, np.concatenate([of(part) for part in parts]), f"{own}.qkv")
    thirds = graph.split(joined, [f"{own}.query", f"{own}.key", f"{own}.value"])
    bias = graph.array(f"{own}.qkv.b", np.concatenate([of(part, "bias") for part in parts]))
    seen = graph.node("MultiHeadAttention", [*thirds, bias, "mask"], f"{own}.seen", _MICROSOFT, num_heads=config["num_attention_heads"])
    told = graph.product(seen, of("attention.output.dense"), f"{own}.told")
    middle = normalised("attention.output", told, source, f"{own}.middle")
    wide = graph.product(middle, of("intermediate.dense"), f"{own}.wide")
    bent = graph.node("BiasGelu", [wide, graph.array(f"{own}.wide.b", of("intermediate.dense", "bias"))], f"{own}.bent", _MICROSOFT)
    narrow = graph.product(bent, of("output.dense"), f"{own}.narrow")
    return normalised("output", narrow, middle, f"{own}.out")


def _mean(graph: _Graph, hidden: str) -> None:
    """Mean pooling over the tokens that are there."""
    graph.node("Cast", ["attention_mask"], "mask.float", to=_FLOAT)
    graph.node("Unsqueeze", ["mask.float", graph.array("axis2", np.array([2]))], "mask.column")
    graph.node("Mul", [hidden, "mask.column"], "kept")
    graph.array("axis1", np.array([1]))
    graph.node("ReduceSum", ["kept", "axis1"], "total", keepdims=0)
    graph.node("ReduceSum", ["mask.column", "axis1"], "count", keepdims=0)
    graph.node("Div", ["total", "count"], "pooled")


def _model(graph: _Graph, config: dict[str, Any]) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["batch", config["hidden_size"]])
    constants = [numpy_helper.from_array(values, name) for name, values in graph.arrays.items()]
    whole = helper.make_graph(graph.nodes, "encoder", inputs, [output], constants)
    operators = [helper.make_opsetid("", 18), helper.make_opsetid(_MICROSOFT, 1)]
    return helper.make_model(whole, opset_imports=operators, ir_version=9, producer_name="search.onnx_export")
