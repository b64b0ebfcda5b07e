"""Writes ONNX graphs with 8-bit integer matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MICROSOFT = "com.microsoft"


# Largest weight integer. Processors without VNNI add two products in 16 bits, which saturates only
# for two adjacent inputs above 204. That is rare: the always-safe 63 loses more by rounding.
LARGEST = 80


# Magnitude of Gelu's minimum (at -0.7518).
GELU_LOWEST = 0.17


_ROWS_AT_ONCE = 256


_FLOAT, _INT64 = 1, 7  # onnx.TensorProto data types


Array = NDArray[Any]


Weights = Mapping[str, Array]


@dataclass
class _Graph:
    """Nodes and constants of a graph under construction."""

    nodes: list[Any] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)

    def node(
        self, operator: str, inputs: list[str], output: str, domain: str = "", **attributes: Any
    ) -> str:
        """Add a node with one output; returns the output's name."""
        from onnx import helper

        self.nodes.append(
            helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes)
        )
        return output

    def split(self, source: str, outputs: list[str]) -> list[str]:
        """Add a node that splits the last axis into equal parts; returns their names."""
        from onnx import helper

        self.nodes.append(
            helper.make_node(
                "Split",
                [source],
                outputs,
                name=f"{source}.split",
                axis=-1,
                num_outputs=len(outputs),
            )
        )
        return outputs

    def array(self, name: str, values: Array) -> str:
        """Add a constant; returns its name."""
        self.arrays[name] = np.ascontiguousarray(values)
        return name

    def product(self, source: str, weights: Array, output: str, bias: Array | None = None) -> str:
        """Add source x weights^T + bias in 8-bit integers; weights have shape (outputs, inputs)."""
        integers, scales = quantise(weights)
        inputs = [
            source,
            self.array(f"{output}.q", integers.T),
            self.array(f"{output}.s", scales[:, 0]),
        ]
        inputs += [] if bias is None else ["", self.array(f"{output}.b", bias)]
        return self.node("DynamicQuantizeMatMul", inputs, output, _MICROSOFT)

    def product_by_columns(
        self, source: str, weights: Array, output: str, bias: Array, reach: Array
    ) -> str:
        """Add a product for an input whose columns differ in range.

        ``reach`` is the largest magnitude of each input column, shape (inputs,).
        """
        factors = smoothquant_factors(reach, weights)
        balanced = self.node(
            "Mul", [source, self.array(f"{output}.even", 1 / factors)], f"{output}.evened"
        )
        return self.product(balanced, weights * factors, output, bias)

    def product_by_rows(self, source: str, weights: Array, output: str, bias: Array) -> str:
        """Add a product for a Gelu output whose rows differ in range.

        Each row is scaled to a maximum of 1, and back after the product.
        """
        highest = self.node(
            "ReduceMax",
            [source, self.array("last", np.array([-1]))],
            f"{output}.highest",
            keepdims=1,
        )
        # Gelu has a known minimum, so the row maximum suffices and no absolute values are needed.
        largest = self.node(
            "Max",
            [highest, self.array("gelu.lowest", np.array(GELU_LOWEST, dtype=np.float32))],
            f"{output}.largest",
        )
        scaled = self.product(
            self.node("Div", [source, largest], f"{output}.unit"), weights, f"{output}.brought"
        )
        rescaled = self.node("Mul", [scaled, largest], f"{output}.back")
        return self.node("Add", [rescaled, self.array(f"{output}.b", bias)], output)


PRODUCT_IN, PRODUCT_OUT = "vector", "products"


def write_product(path: Path, rows: Array) -> None:
    """Write a graph for the 8-bit inner products of one vector with all rows.

    ``rows`` has shape (rows, dimension).
    """
    graph = _Graph()
    graph.product(PRODUCT_IN, rows, PRODUCT_OUT)
    path.write_bytes(
        _whole(
            graph, (PRODUCT_IN, _FLOAT, [1, rows.shape[1]]), (PRODUCT_OUT, _FLOAT, [1, len(rows)])
        ).SerializeToString()
    )


def quantise(weights: Array, largest: int = LARGEST) -> tuple[Array, Array]:
    """Quantise to int8 in [-largest, largest]; returns the integers and row scales, (rows, 1)."""
    reach = np.maximum(weights.max(axis=1, keepdims=True), -weights.min(axis=1, keepdims=True))
    scales = np.maximum(reach / largest, 1e-12).astype(np.float32)
    integers = np.empty(weights.shape, dtype=np.int8)
    # Blocks of rows keep intermediates in the processor's cache.
    for start in range(0, len(weights), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        integers[rows] = np.rint(weights[rows] / scales[rows])
    return integers, scales


def smoothquant_factors(reach: Array, weights: Array) -> Array:
    """Return the factors that balance the ranges of inputs and weights, shape (inputs,).

    Input columns are divided by them and the weights multiplied. The formula is
    sqrt(reach / largest weight), SmoothQuant with alpha 0.5 (Xiao et al. 2023), normalised to a
    geometric mean of 1.
    """
    largest = np.maximum(np.abs(weights).max(axis=0), 1e-4)
    factors = np.sqrt((reach + 1e-4) / largest)
    normalised: Array = (factors / np.exp(np.log(factors).mean())).astype(np.float32)
    return normalised


def _whole(
    graph: _Graph, given: tuple[str, int, list[Any]], wanted: tuple[str, int, list[Any]]
) -> Any:
    """Return the ONNX model; its input and output are each (name, type, shape)."""
    from onnx import helper, numpy_helper

    constants = [numpy_helper.from_array(values, name) for name, values in graph.arrays.items()]
    onnx_graph = helper.make_graph(
        graph.nodes,
        "encoder",
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info(*wanted)],
        constants,
    )
    operators = [helper.make_opsetid("", 18), helper.make_opsetid(_MICROSOFT, 1)]
    return helper.make_model(
        onnx_graph,
        opset_imports=operators,
        ir_version=9,
        producer_name="search.embedding.onnx_export",
    )
