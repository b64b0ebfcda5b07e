"""Writes the bundled model as an ONNX graph for serving, and products with a matrix. The only file that imports onnx.

The graph is written node by node from the weights: it then needs no torch to be made, and uses onnxruntime's fused attention and
normalisation. Matrices are whole numbers up to 80 with a scale a column, multiplied by 8-bit inputs that are scaled while it runs
(DynamicQuantizeMatMul); no more than 80, since processors without VNNI add two products in 16 bits. Word embeddings are in 8 bits with a scale a row.
One scale for a whole input would waste most of the 8 bits where one column or one row reaches much further than the others, so
those are evened out before: columns by how far they reached when the model was looked at (data/input_reach.npz, bench/reach.py), rows
while it runs. The arrays lie in a file of their own, which onnxruntime maps into memory. docs/decisions/0006 has the figures.
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

from search.checksums import sha256_of
from search.embedding.bundled_model import SEAL, Progress, quiet
from search.embedding.tokenizer import PIECES, write_pieces
from search.errors import ModelError

FOLDER = "onnx"
GRAPH = "encoder.onnx"
ARRAYS = "arrays.bin"
STAMP = "kb-export.json"
# Changes with the graph, so that one written by an older version is made anew.
VERSION = 3
_MICROSOFT = "com.microsoft"
# The largest whole number of a matrix. Two products with inputs of up to 204 still fit into 16 bits; more than that is reached by two
# inputs side by side so seldom that 63, which always fits, loses more by its rounding.
LARGEST = 80
# How far below 0 Gelu reaches (at -0.7518).
GELU_LOWEST = 0.17
_ROWS_AT_ONCE = 256
_REACH = Path(__file__).resolve().parents[1] / "data" / "input_reach.npz"
_FLOAT, _INT64 = 1, 7  # onnx.TensorProto's numbers

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

    def product(self, source: str, weights: Array, output: str, bias: Array | None = None) -> str:
        """source x weights^T + bias in whole numbers, the weights of shape (outputs, inputs)."""
        whole, scales = quantise(weights)
        inputs = [source, self.array(f"{output}.q", whole.T), self.array(f"{output}.s", scales[:, 0])]
        inputs += [] if bias is None else ["", self.array(f"{output}.b", bias)]
        return self.node("DynamicQuantizeMatMul", inputs, output, _MICROSOFT)

    def product_by_columns(self, source: str, weights: Array, output: str, bias: Array, reach: Array) -> str:
        """The same for an input some of whose columns reach further than others: ``reach`` says how far, (inputs,)."""
        factors = evening(reach, weights)
        evened = self.node("Mul", [source, self.array(f"{output}.even", 1 / factors)], f"{output}.evened")
        return self.product(evened, weights * factors, output, bias)

    def product_by_rows(self, source: str, weights: Array, output: str, bias: Array) -> str:
        """The same for what comes out of Gelu, some of whose rows reach further than others: each is brought to 1 and back."""
        highest = self.node("ReduceMax", [source, self.array("last", np.array([-1]))], f"{output}.highest", keepdims=1)
        # Gelu is nowhere below this, so that sizes need not be taken of all values.
        largest = self.node("Max", [highest, self.array("gelu.lowest", np.array(GELU_LOWEST, dtype=np.float32))], f"{output}.largest")
        brought = self.product(self.node("Div", [source, largest], f"{output}.unit"), weights, f"{output}.brought")
        back = self.node("Mul", [brought, largest], f"{output}.back")
        return self.node("Add", [back, self.array(f"{output}.b", bias)], output)


PRODUCT_IN, PRODUCT_OUT = "vector", "products"


def write_product(path: Path, rows: Array) -> None:
    """Write a graph that multiplies one vector with each of the rows, shape (rows, dimension), in whole numbers."""
    graph = _Graph()
    graph.product(PRODUCT_IN, rows, PRODUCT_OUT)
    path.write_bytes(_whole(graph, (PRODUCT_IN, _FLOAT, [1, rows.shape[1]]), (PRODUCT_OUT, _FLOAT, [1, len(rows)])).SerializeToString())


def ensure_export(folder: Path, progress: Progress = quiet) -> Path:
    """The graph of the unpacked bundled model in ``folder``, written beside it when it is not there or damaged.

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
    """Whether the graph in ``target`` is of this version, of the weights in ``folder``, and undamaged."""
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
    model = _model(_encoder(load_file(folder / "model.safetensors"), config, _reach()), config)
    work.mkdir()
    onnx.save(model, work / GRAPH, save_as_external_data=True, location=ARRAYS, size_threshold=1024, convert_attribute=False)
    write_pieces(folder, work / PIECES)
    stamp = {"version": VERSION, "weights_sha256": _sealed(folder), "files": {name: sha256_of(work / name) for name in (GRAPH, ARRAYS, PIECES)}}
    (work / STAMP).write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def _sealed(folder: Path) -> str:
    return str(json.loads((folder / SEAL).read_text(encoding="utf-8"))["weights_sha256"])


def quantise(weights: Array, largest: int = LARGEST) -> tuple[Array, Array]:
    """Whole numbers up to ``largest`` either way as int8, with one scale a row, (rows, 1)."""
    reach = np.maximum(weights.max(axis=1, keepdims=True), -weights.min(axis=1, keepdims=True))
    scales = np.maximum(reach / largest, 1e-12).astype(np.float32)
    whole = np.empty(weights.shape, dtype=np.int8)
    # Some rows at a time: what lies between fits into the processor's cache.
    for start in range(0, len(weights), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        whole[rows] = np.rint(weights[rows] / scales[rows])
    return whole, scales


def evening(reach: Array, weights: Array) -> Array:
    """What to divide each input column by, and to multiply its weights by, so that neither needs many bits for a few, (inputs,).

    sqrt(reach / largest weight), as SmoothQuant has it (Xiao et al. 2023, alpha 0.5).
    """
    largest = np.maximum(np.abs(weights).max(axis=0), 1e-4)
    factors = np.sqrt((reach + 1e-4) / largest)
    evened: Array = (factors / np.exp(np.log(factors).mean())).astype(np.float32)
    return evened


def _reach() -> Weights:
    with np.load(_REACH) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


# --- the graph ----------------------------------------------------------------------------------------------------------


def _encoder(weights: Weights, config: dict[str, Any], reach: Weights) -> _Graph:
    graph = _Graph()
    _embeddings(graph, weights, config)
    hidden = "embedded"
    for layer in range(config["num_hidden_layers"]):
        hidden = _layer(graph, weights, config, reach, layer, hidden)
    # Mean pooling: one text at a time, so that every token counts and none is padding.
    graph.node("ReduceMean", [hidden, graph.array("axis1", np.array([1]))], "pooled", keepdims=0)
    return graph


def _embeddings(graph: _Graph, weights: Weights, config: dict[str, Any]) -> None:
    rows, scales = quantise(weights["embeddings.word_embeddings.weight"], largest=127)
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


def _layer(graph: _Graph, weights: Weights, config: dict[str, Any], reach: Weights, layer: int, source: str) -> str:
    def of(name: str, kind: str = "weight") -> Array:
        return weights[f"encoder.layer.{layer}.{name}.{kind}"].astype(np.float32)

    def normalised(part: str, added: str, skip: str, output: str) -> str:
        """Layer normalisation of ``added`` and what it was made from. onnxruntime's one node for all of it is slower than these."""
        summed = graph.node("Add", [added, skip], f"{output}.summed")
        scale, shift = graph.array(f"{output}.g", of(f"{part}.LayerNorm")), graph.array(f"{output}.n", of(f"{part}.LayerNorm", "bias"))
        return graph.node("LayerNormalization", [summed, scale, shift], output, epsilon=config["layer_norm_eps"], axis=-1)

    own, parts = f"l{layer}", ("attention.self.query", "attention.self.key", "attention.self.value")
    joined, bias = np.concatenate([of(part) for part in parts]), np.concatenate([of(part, "bias") for part in parts])
    qkv = graph.product_by_columns(source, joined, f"{own}.qkv", bias, reach[f"{own}.qkv"])
    thirds = graph.split(qkv, [f"{own}.query", f"{own}.key", f"{own}.value"])
    seen = graph.node("MultiHeadAttention", thirds, f"{own}.seen", _MICROSOFT, num_heads=config["num_attention_heads"])
    told = graph.product(seen, of("attention.output.dense"), f"{own}.told", of("attention.output.dense", "bias"))
    middle = normalised("attention.output", told, source, f"{own}.middle")
    wide = graph.product_by_columns(middle, of("intermediate.dense"), f"{own}.wide", of("intermediate.dense", "bias"), reach[f"{own}.wide"])
    bent = graph.node("Gelu", [wide], f"{own}.bent", _MICROSOFT)
    narrow = graph.product_by_rows(bent, of("output.dense"), f"{own}.narrow", of("output.dense", "bias"))
    return normalised("output", narrow, middle, f"{own}.out")


def _model(graph: _Graph, config: dict[str, Any]) -> Any:
    return _whole(graph, ("input_ids", _INT64, ["text", "tokens"]), ("pooled", _FLOAT, ["text", config["hidden_size"]]))


def _whole(graph: _Graph, given: tuple[str, int, list[Any]], wanted: tuple[str, int, list[Any]]) -> Any:
    """The graph with its input and output, each a name, type and shape."""
    from onnx import helper, numpy_helper

    constants = [numpy_helper.from_array(values, name) for name, values in graph.arrays.items()]
    made = helper.make_graph(graph.nodes, "encoder", [helper.make_tensor_value_info(*given)], [helper.make_tensor_value_info(*wanted)], constants)
    operators = [helper.make_opsetid("", 18), helper.make_opsetid(_MICROSOFT, 1)]
    return helper.make_model(made, opset_imports=operators, ir_version=9, producer_name="search.embedding.onnx_export")
