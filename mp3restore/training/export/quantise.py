"""Eight-bit matrix products for an exported network, with one scale per frame.

ONNX Runtime's own dynamic quantisation uses one scale for all frames of a chunk, so the result would depend on where a
file is cut. Here each frame's scale follows from its largest activation, so a frame's output depends only on its own
input, as before. For the products we use ONNX Runtime's own operator, which scales the columns of its result while they
are in the processor's cache; with the standard integer product that takes two more passes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

__all__ = ["quantise"]

# Smaller products gain nothing. The interpolation between bands is one; its logarithms must remain precise.
_LEAST_SIDE = 200
# Processors without VNNI add pairs of products in 16 bits, where 2 * 255 * 63 is the most that does not overflow.
_LARGEST_WEIGHT = 63
_LARGEST_ACTIVATION = 127
_ZERO = 128  # of unsigned activations, which are fast to multiply with signed weights
_RUNTIME = "com.microsoft"  # domain of ONNX Runtime's operators
_LEAST_SCALE = 1e-20  # keeps silent frames from dividing by zero


@dataclass
class _Rewriter:
    """Collects the nodes and constants of a rewritten graph."""

    constants: list[TensorProto] = field(default_factory=list)
    nodes: list[NodeProto] = field(default_factory=list)
    quantised: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Activations already quantised: their name, and the names of their integers and of their scales (1, frames, 1)."""

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add a constant, unless it exists, and return its name."""
        if all(known.name != name for known in self.constants):
            self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: object) -> str:
        """Append a node, and return the name of its output."""
        node = helper.make_node(kind, inputs, [output], name=output, domain=domain)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return output

    def activations(self, name: str) -> tuple[str, str]:
        """Quantise activations (1, frames, k), each frame by itself; return the names of integers and scales."""
        if name not in self.quantised:
            prefix = f"{name}/quantised"
            axis = self.constant("quantise/axis", np.array([-1]))
            others = self.constant("quantise/others", np.array([0, 2]))
            largest = self.constant("quantise/largest", np.array(1 / _LARGEST_ACTIVATION, np.float32))
            least = self.constant("quantise/least", np.array(_LEAST_SCALE, np.float32))
            magnitude = self.node("Abs", [name], f"{prefix}/magnitude")
            peak = self.node("ReduceMax", [magnitude, axis], f"{prefix}/peak", keepdims=1)
            share = self.node("Mul", [peak, largest], f"{prefix}/share")
            scale = self.node("Max", [share, least], f"{prefix}/scale")
            rows = self.node("Squeeze", [scale, others], f"{prefix}/rows")
            shape = self.node("Shape", [rows], f"{prefix}/shape")
            zero = numpy_helper.from_array(np.array([_ZERO], np.uint8))
            zeros = self.node("ConstantOfShape", [shape], f"{prefix}/zeros", value=zero)
            integers = self.node("QuantizeLinear", [name, rows, zeros], f"{prefix}/integers", axis=1)
            self.quantised[name] = integers, scale
        return self.quantised[name]

    def product(self, node: NodeProto, weights: NDArray[np.float32]) -> None:
        """Replace a product with weights (k, n) by one of integers; each column of the weights has its own scale."""
        integers, rows = self.activations(node.input[0])
        output = node.output[0]
        scale = np.maximum(np.abs(weights).max(axis=0) / _LARGEST_WEIGHT, _LEAST_SCALE).astype(np.float32)
        rounded = self.constant(f"{node.input[1]}/integers", np.round(weights / scale).astype(np.int8))
        columns = self.constant(f"{node.input[1]}/scale", scale)
        zero = self.constant("quantise/zero", np.array(_ZERO, np.uint8))
        one = self.constant("quantise/one", np.array(1, np.float32))
        inputs = [integers, rounded, one, columns, zero]
        by_column = self.node("MatMulIntegerToFloat", inputs, f"{output}/by_column", domain=_RUNTIME)
        self.node("Mul", [by_column, rows], output)


def quantise(source: Path, target: Path) -> int:
    """Rewrite the large matrix products of a network that takes one file at a time (batch 1).

    Parameters
    ----------
    source : Path
        The network as `export` writes it, in float32, with activations of shape (1, frames, width).
    target : Path
        File to write the result to; may be `source`.

    Returns
    -------
    int
        Number of products rewritten.
    """
    model = onnx.load(source)
    graph = model.graph
    weights = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    rewriter = _Rewriter()
    replaced: set[str] = set()
    for node in graph.node:
        matrix = weights.get(node.input[1]) if node.op_type == "MatMul" else None
        if matrix is not None and matrix.ndim == 2 and min(matrix.shape) >= _LEAST_SIDE:
            rewriter.product(node, matrix)
            replaced.add(node.input[1])
        else:
            rewriter.nodes.append(node)
    used = {name for node in rewriter.nodes for name in node.input}
    kept = [each for each in graph.initializer if each.name not in replaced or each.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(rewriter.nodes)
    graph.initializer.extend([*kept, *rewriter.constants])
    model.opset_import.append(helper.make_opsetid(_RUNTIME, 1))
    onnx.checker.check_model(model)
    onnx.save(model, target)
    return len([node for node in rewriter.nodes if node.domain == _RUNTIME])
