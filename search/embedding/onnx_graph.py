"""Writes ONNX graphs whose matrices are 8-bit integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MICROSOFT = "com.microsoft"


# The largest whole number of a matrix. Two products with inputs of up to 204 still fit into 16 bits; more than that is reached by two
# inputs side by side so seldom that 63, which always fits, loses more by its rounding.
LARGEST = 80


# How far below 0 Gelu reaches (at -0.7518).
GELU_LOWEST = 0.17


_ROWS_AT_ONCE = 256


_FLOAT, _INT64 = 1, 7  # onnx.TensorProto's numbers


Array = NDArray[Any]


Weights = Mapping[str, Array]


@dataclass
class _Graph:
    """Nodes and arrays while the graph is being written."""

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
        """Add a node that cuts the last axis into equal parts; returns their names."""
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
        """source x weights^T + bias in whole numbers, the weights of shape (outputs, inputs)."""
        whole, scales = quantise(weights)
        inputs = [
            source,
            self.array(f"{output}.q", whole.T),
            self.array(f"{output}.s", scales[:, 0]),
        ]
        inputs += [] if bias is None else ["", self.array(f"{output}.b", bias)]
        return self.node("DynamicQuantizeMatMul", inputs, output, _MICROSOFT)

    def product_by_columns(
        self, source: str, weights: Array, output: str, bias: Array, reach: Array
    ) -> str:
        """The same for an input some of whose columns reach further than others: ``reach`` says how far, (inputs,)."""
        factors = smoothquant_factors(reach, weights)
        evened = self.node(
            "Mul", [source, self.array(f"{output}.even", 1 / factors)], f"{output}.evened"
        )
        return self.product(evened, weights * factors, output, bias)

    def product_by_rows(self, source: str, weights: Array, output: str, bias: Array) -> str:
        """The same for what comes out of Gelu, some of whose rows reach further than others: each is brought to 1 and back."""
        highest = self.node(
            "ReduceMax",
            [source, self.array("last", np.array([-1]))],
            f"{output}.highest",
            keepdims=1,
        )
        # Gelu is nowhere below this, so that sizes need not be taken of all values.
        largest = self.node(
            "Max",
            [highest, self.array("gelu.lowest", np.array(GELU_LOWEST, dtype=np.float32))],
            f"{output}.largest",
        )
        brought = self.product(
            self.node("Div", [source, largest], f"{output}.unit"), weights, f"{output}.brought"
        )
        back = self.node("Mul", [brought, largest], f"{output}.back")
        return self.node("Add", [back, self.array(f"{output}.b", bias)], output)


PRODUCT_IN, PRODUCT_OUT = "vector", "products"


def write_product(path: Path, rows: Array) -> None:
    """Write a graph that multiplies one vector with each of the rows, shape (rows, dimension), in whole numbers."""
    graph = _Graph()
    graph.product(PRODUCT_IN, rows, PRODUCT_OUT)
    path.write_bytes(
        _whole(
            graph, (PRODUCT_IN, _FLOAT, [1, rows.shape[1]]), (PRODUCT_OUT, _FLOAT, [1, len(rows)])
        ).SerializeToString()
    )


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


def smoothquant_factors(reach: Array, weights: Array) -> Array:
    """What to divide each input column by, and to multiply its weights by, so that neither needs many bits for a few, (inputs,).

    sqrt(reach / largest weight), as SmoothQuant has it (Xiao et al. 2023, alpha 0.5).
    """
    largest = np.maximum(np.abs(weights).max(axis=0), 1e-4)
    factors = np.sqrt((reach + 1e-4) / largest)
    evened: Array = (factors / np.exp(np.log(factors).mean())).astype(np.float32)
    return evened


def _whole(
    graph: _Graph, given: tuple[str, int, list[Any]], wanted: tuple[str, int, list[Any]]
) -> Any:
    """The graph with its input and output, each a name, type and shape."""
    from onnx import helper, numpy_helper

    constants = [numpy_helper.from_array(values, name) for name, values in graph.arrays.items()]
    made = helper.make_graph(
        graph.nodes,
        "encoder",
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info(*wanted)],
        constants,
    )
    operators = [helper.make_opsetid("", 18), helper.make_opsetid(_MICROSOFT, 1)]
    return helper.make_model(
        made, opset_imports=operators, ir_version=9, producer_name="search.embedding.onnx_export"
    )
