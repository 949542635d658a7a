"""The operations of `keras.ops` that the exported preprocessing uses, as ONNX nodes.

`brainseg.export.volume` describes the computation once. Called with `keras.ops` it computes, or becomes a graph of
TensorFlow; called with an `OnnxOps` it becomes an ONNX graph, without a converter in between. Whole numbers are int64.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

OPSETS = {"float32": 18, "bfloat16": 22}  # by the precision of the network; 22 is the first with such convolutions
TYPES = {
    "float32": TensorProto.FLOAT,
    "bfloat16": TensorProto.BFLOAT16,
    "int32": TensorProto.INT64,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}
DTYPES: dict[int, Any] = {
    TensorProto.FLOAT: np.float32,
    TensorProto.FLOAT16: np.float16,
    TensorProto.BFLOAT16: helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16),  # NumPy has none of its own
    TensorProto.INT64: np.int64,
    TensorProto.UINT8: np.uint8,
    TensorProto.BOOL: np.bool_,
}
TO_THE_FIRST = -(2**62)  # the end of a slice that runs backwards, beyond every axis


def _operator(op: str, kind: int | None = None, *, swapped: bool = False) -> Callable[["Tensor", Any], "Tensor"]:
    """A Python operator as a node with two inputs."""

    def apply(first: "Tensor", second: Any) -> "Tensor":
        left, right = (second, first) if swapped else (first, second)
        return first.ops.binary(op, left, right, kind)

    return apply


class Tensor:
    """A value in the graph: an input, a constant or the result of a node."""

    def __init__(self, ops: "OnnxOps", name: str, kind: int) -> None:
        self.ops, self.name, self.kind = ops, name, kind

    __add__, __radd__ = _operator("Add"), _operator("Add", swapped=True)
    __sub__, __rsub__ = _operator("Sub"), _operator("Sub", swapped=True)
    __mul__, __rmul__ = _operator("Mul"), _operator("Mul", swapped=True)
    __truediv__ = __floordiv__ = _operator("Div")  # whole numbers are not negative
    __mod__ = _operator("Mod")
    __ge__, __gt__ = _operator("GreaterOrEqual", TensorProto.BOOL), _operator("Greater", TensorProto.BOOL)
    __le__, __lt__ = _operator("LessOrEqual", TensorProto.BOOL), _operator("Less", TensorProto.BOOL)

    def __neg__(self) -> "Tensor":
        """The negative value."""
        return self.ops.node("Neg", self)


class OnnxOps:
    """Collects nodes; its functions have the names and arguments of `keras.ops`."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self._numbers: dict[str, int] = {}

    def node(self, op: str, *inputs: Any, kind: int | None = None, name: str = "", **attributes: Any) -> Tensor:
        """Add a node with one result, of the type of its first input unless `kind` says another."""
        tensors = [self.tensor(value) for value in inputs]
        output = self._unused(name or op)
        names = [tensor.name for tensor in tensors]
        self.nodes.append(helper.make_node(op, names, [output], name=output, **attributes))
        return Tensor(self, output, tensors[0].kind if kind is None else kind)

    def binary(self, op: str, first: Any, second: Any, kind: int | None = None) -> Tensor:
        """Add a node with two inputs of one type, of which one may be a Python number or an array."""
        known = first.kind if isinstance(first, Tensor) else second.kind
        pair = [self.tensor(value, known) for value in (first, second)]
        return self.node(op, *pair, kind=known if kind is None else kind)

    def tensor(self, value: Any, kind: int | None = None) -> Tensor:
        """A constant; a tensor stays as it is. Without `kind`, numbers with a point are float32, others int64."""
        if isinstance(value, Tensor):
            return value
        array = np.asarray(value)
        if kind is None:
            kind = {"f": TensorProto.FLOAT, "b": TensorProto.BOOL}.get(array.dtype.kind, TensorProto.INT64)
        array = np.ascontiguousarray(array, DTYPES[kind]).reshape(array.shape)
        key = f"{kind} {array.shape} {array.tobytes().hex()}" if array.size <= 16 else ""
        if key not in self.constants or not key:
            name = self._unused("constant")
            self.constants[key or name] = numpy_helper.from_array(array, name)
            key = key or name
        return Tensor(self, self.constants[key].name, kind)

    array = tensor

    def constant(self, name: str, array: NDArray[Any], kind: int = TensorProto.FLOAT) -> Tensor:
        """A constant with a name of its own, which must be new."""
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array, DTYPES[kind]), name)
        return Tensor(self, name, kind)

    def _unused(self, name: str) -> str:
        self._numbers[name] = number = self._numbers.get(name, 0) + 1
        return name if number == 1 else f"{name}_{number}"

    def map(self, function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
        """Apply a function to each element along the first axis, one after the other."""
        position = Tensor(self, self._unused("position"), TensorProto.INT64)
        go_on = self._unused("go_on")
        outer, self.nodes = self.nodes, []
        result = function(self.take(values, position, axis=0))
        still = self.node("Identity", Tensor(self, go_on, TensorProto.BOOL))
        nodes, self.nodes = self.nodes, outer
        graph: GraphProto = helper.make_graph(
            nodes,
            self._unused("each_slice"),
            [
                helper.make_tensor_value_info(position.name, TensorProto.INT64, ()),
                helper.make_tensor_value_info(go_on, TensorProto.BOOL, ()),
            ],
            [
                helper.make_tensor_value_info(still.name, TensorProto.BOOL, ()),
                helper.make_tensor_value_info(result.name, result.kind, None),
            ],
        )
        return self.node("Loop", self.shape(values)[0], True, kind=result.kind, body=graph)

    def shape(self, value: Tensor) -> "_Shape":
        """The lengths of the axes, each a scalar."""
        return _Shape(self, value)

    def cast(self, value: Any, dtype: str) -> Tensor:
        """Convert to another type."""
        tensor = self.tensor(value)
        return tensor if tensor.kind == TYPES[dtype] else self.node("Cast", tensor, kind=TYPES[dtype], to=TYPES[dtype])

    def arange(self, stop: Any, dtype: str) -> Tensor:
        """Numbers from 0."""
        if not isinstance(stop, Tensor):
            return self.tensor(np.arange(stop), TYPES[dtype])
        return self.cast(self.node("Range", 0, stop, 1), dtype)

    def reshape(self, value: Tensor, shape: Sequence[Any]) -> Tensor:
        """Change the shape; lengths may be scalars of the graph, and one may be -1."""
        if not any(isinstance(length, Tensor) for length in shape):
            return self.node("Reshape", value, np.array(shape, np.int64))
        lengths = [self.node("Reshape", length, np.array([1])) for length in shape]
        return self.node("Reshape", value, self.node("Concat", *lengths, axis=0))

    def expand_dims(self, value: Tensor, axis: int | Sequence[int]) -> Tensor:
        """Add axes of length 1."""
        return self.node("Unsqueeze", value, np.atleast_1d(axis))

    def transpose(self, value: Tensor, axes: Sequence[int]) -> Tensor:
        """Change the order of the axes."""
        return self.node("Transpose", value, perm=list(axes))

    def concatenate(self, values: Sequence[Tensor], axis: int = 0) -> Tensor:
        """Join along an axis."""
        return self.node("Concat", *values, axis=axis)

    def stack(self, values: Sequence[Tensor]) -> Tensor:
        """Join scalars."""
        return self.concatenate([self.expand_dims(value, 0) for value in values])

    def take(self, value: Tensor, index: Any, axis: int) -> Tensor:
        """Elements at positions along an axis."""
        return self.node("Gather", value, index, axis=axis)

    def flip(self, value: Tensor, axis: int) -> Tensor:
        """Reverse the order along an axis."""
        return self.node("Slice", value, np.array([-1]), np.array([TO_THE_FIRST]), np.array([axis]), np.array([-1]))

    def pad(self, value: Tensor, widths: Sequence[tuple[int, int]], constant_values: float = 0) -> Tensor:
        """Add elements before and after each axis."""
        pads = np.array(widths, np.int64).T.ravel()
        return self.node("Pad", value, pads, self.tensor(constant_values, value.kind))

    def matmul(self, first: Tensor, second: Any) -> Tensor:
        """Product of matrices."""
        return self.node("MatMul", first, second, kind=TensorProto.FLOAT)

    def where(self, condition: Tensor, first: Any, second: Any) -> Tensor:
        """Choose between two values."""
        known = first.kind if isinstance(first, Tensor) else second.kind
        return self.node("Where", condition, self.tensor(first, known), self.tensor(second, known), kind=known)

    def minimum(self, first: Any, second: Any) -> Tensor:
        """The lower of two values."""
        return self.binary("Min", first, second)

    def maximum(self, first: Any, second: Any) -> Tensor:
        """The higher of two values."""
        return self.binary("Max", first, second)

    def clip(self, value: Tensor, low: Any, high: Any) -> Tensor:
        """Limit to a range."""
        return self.minimum(self.maximum(value, low), high)

    def floor(self, value: Tensor) -> Tensor:
        """The next whole number below."""
        return self.node("Floor", value)

    def round(self, value: Tensor) -> Tensor:
        """The nearest whole number, of two the even one."""
        return self.node("Round", value)

    def abs(self, value: Tensor) -> Tensor:
        """The distance from 0."""
        return self.node("Abs", value)

    def sqrt(self, value: Tensor) -> Tensor:
        """The square root."""
        return self.node("Sqrt", value)

    def sum(self, value: Tensor, axis: int | Sequence[int]) -> Tensor:
        """Sum along axes."""
        return self.node("ReduceSum", value, np.atleast_1d(axis), keepdims=0)

    def max(self, value: Tensor) -> Tensor:
        """The highest of all values."""
        return self.node("ReduceMax", value, keepdims=0)

    def argmax(self, value: Tensor) -> Tensor:
        """Position of the first highest value; one axis."""
        return self.node("ArgMax", value, kind=TensorProto.INT64, axis=0, keepdims=0)

    def top_k(self, value: Tensor, k: Any) -> tuple[Tensor, None]:
        """The `k` highest values along the last axis, in descending order, without their positions."""
        output = self._unused("TopK")
        count = self.node("Reshape", k, np.array([1]))
        names = [output, f"{output}_positions"]
        self.nodes.append(helper.make_node("TopK", [value.name, count.name], names, name=output, axis=-1))
        return Tensor(self, output, value.kind), None

    def max_pool(self, value: Tensor, pool_size: tuple[int, int], strides: int, padding: str) -> Tensor:
        """Running maximum of shape (N, H, W, 1); strides are 1, windows are odd."""
        planes = self.transpose(value, (0, 3, 1, 2))
        rows, columns = (size // 2 if padding == "same" else 0 for size in pool_size)
        pads = [rows, columns, rows, columns]
        pooled = self.node("MaxPool", planes, kernel_shape=list(pool_size), pads=pads, strides=[strides] * 2)
        return self.transpose(pooled, (0, 2, 3, 1))


class _Shape:
    """The lengths of the axes of a tensor, asked for one by one."""

    def __init__(self, ops: OnnxOps, value: Tensor) -> None:
        self.ops, self.value = ops, value

    def __getitem__(self, axis: int) -> Tensor:
        lengths = self.ops.node("Shape", self.value, kind=TensorProto.INT64, start=axis, end=axis + 1)
        return self.ops.node("Reshape", lengths, np.zeros(0, np.int64))
