"""What is read of a model before ONNX Runtime sees it: that the file stands alone, asks for known operators and fits.

ONNX Runtime, given a model as bytes, reads its external data from the working directory (1.24 and 1.32, both measured;
1.24 follows links out of it too), so such a model is refused here. The runtime needs neither `onnx` nor `protobuf`, so
this reads the wire format itself (https://protobuf.dev/programming-guides/encoding; the fields' numbers are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Tensors' data are skipped: it takes 2 to 3 ms.
"""

from __future__ import annotations

from attngan_runtime.errors import AttnGANError

_MOST_FIELDS = 2**20  # in all; the shipped models have 7,000 at most, and a million take half a second
_DEEPEST = 8  # graphs within graphs; a loop with a branch inside is 2
_MOST_DIMENSIONS = 32
_MICROSOFT = b"com.microsoft"
_DOMAINS = (b"", b"ai.onnx", _MICROSOFT)
# All that an export writes of its 150. Others crash ONNX Runtime when they are given what they don't expect, such as
# QLinearLeakyRelu without its last input, and EPContext opens a file of any name.
_OF_MICROSOFT = (b"MultiHeadAttention",)

# Tags, (field number << 3) | wire type. All that stand for messages or text have wire type 2.
_GRAPH, _OPSET, _TRAINING, _FUNCTION = 7 << 3 | 2, 8 << 3 | 2, 20 << 3 | 2, 25 << 3 | 2  # of ModelProto
_OPSET_DOMAIN = 1 << 3 | 2  # of OperatorSetIdProto
_NODE, _INITIALIZER, _SPARSE_INITIALIZER = 1 << 3 | 2, 5 << 3 | 2, 15 << 3 | 2  # of GraphProto
_OP_TYPE, _ATTRIBUTE, _DOMAIN = 4 << 3 | 2, 5 << 3 | 2, 7 << 3 | 2  # of NodeProto
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS = 5 << 3 | 2, 6 << 3 | 2, 10 << 3 | 2, 11 << 3 | 2  # of AttributeProto
_SPARSE_TENSORS = (22 << 3 | 2, 23 << 3 | 2)
_DIMENSION, _DIMENSIONS, _TENSOR_NAME = 1 << 3, 1 << 3 | 2, 8 << 3 | 2  # of TensorProto
_EXTERNAL_DATA, _DATA_LOCATION = 13 << 3 | 2, 14 << 3

_MALFORMED = "is no ONNX model or is damaged"


def check_model(model: bytes, where: str) -> None:
    """Raises AttnGANError, beginning with `where`, unless the bytes of an ONNX file are what a bundle may hold.

    Refused are: what is not well-formed protobuf or holds no graph; tensors in other files; operators that are neither
    of ai.onnx nor com.microsoft's MultiHeadAttention; tensors whose dimensions promise more than is there; functions,
    sparse tensors and training information, which an export never writes; subgraphs more than 8 deep and files of more
    than a million fields.
    """
    try:
        if model[4:8] == b"ORTM":  # ONNX Runtime would take it for a file in its own format, which nothing here reads
            raise _RefusedError("is in ONNX Runtime's own format")
        _Reader(model).model()
    except (_RefusedError, IndexError) as error:
        problem = str(error) if isinstance(error, _RefusedError) else _MALFORMED
        raise AttnGANError(where, problem, "export the generator again") from None


class _RefusedError(Exception):
    """What is wrong with the file."""


class _Reader:
    """Walks the messages of a file. IndexError and `_RefusedError` are what it has against it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.left = data, _MOST_FIELDS

    def model(self) -> None:
        graphs = 0
        for tag, start, end in self.fields(0, len(self.data)):
            if tag == _GRAPH:
                graphs += 1
                self.graph(start, end, 1)
            elif tag == _OPSET:
                for inner, first, last in self.fields(start, end):
                    if inner == _OPSET_DOMAIN:
                        self.domain(first, last)
            elif tag in (_TRAINING, _FUNCTION):
                raise _RefusedError(f"holds {'functions' if tag == _FUNCTION else 'training information'}")
        if graphs != 1:
            raise _RefusedError(_MALFORMED)

    def graph(self, start: int, end: int, depth: int) -> None:
        if depth > _DEEPEST:
            raise _RefusedError(f"has graphs within graphs, more than {_DEEPEST} deep")
        for tag, first, last in self.fields(start, end):
            if tag == _NODE:
                self.node(first, last, depth)
            elif tag == _INITIALIZER:
                self.tensor(first, last)
            elif tag == _SPARSE_INITIALIZER:
                raise _RefusedError("holds sparse tensors")

    def node(self, start: int, end: int, depth: int) -> None:
        operators, microsoft = [], False
        for tag, first, last in self.fields(start, end):
            if tag == _ATTRIBUTE:
                self.attribute(first, last, depth)
            elif tag == _OP_TYPE:
                operators.append((first, last))
            elif tag == _DOMAIN:
                self.domain(first, last)
                microsoft = microsoft or self.data[first:last] == _MICROSOFT
        for first, last in operators if microsoft else ():
            if self.data[first:last] not in _OF_MICROSOFT:
                raise _RefusedError(f"asks for com.microsoft's {self.shown(first, last)}, which no export writes")

    def attribute(self, start: int, end: int, depth: int) -> None:
        once = set()
        for tag, first, last in self.fields(start, end):
            if tag in (_TENSOR, _SUBGRAPH):
                if tag in once:  # protobuf would merge the two: dimensions add up that were checked apart
                    raise _RefusedError(_MALFORMED)
                once.add(tag)
            if tag in (_TENSOR, _TENSORS):
                self.tensor(first, last)
            elif tag in (_SUBGRAPH, _SUBGRAPHS):
                self.graph(first, last, depth + 1)
            elif tag in _SPARSE_TENSORS:
                raise _RefusedError("holds sparse tensors")

    def tensor(self, start: int, end: int) -> None:
        dimensions: list[int] = []
        name = (0, 0)
        external = False
        for tag, first, last in self.fields(start, end):
            if tag == _DIMENSION:
                dimensions.append(first)
            elif tag == _DIMENSIONS:
                dimensions += self.packed(first, last)
            elif tag == _TENSOR_NAME:
                name = first, last
            elif tag == _EXTERNAL_DATA or (tag == _DATA_LOCATION and first):
                external = True
        if external:
            raise _RefusedError(f"tensor {self.shown(*name)} lies in another file")
        # An empty tensor takes no room whatever its other dimensions, but these must not overflow.
        room = len(self.data) if 0 in dimensions else end - start
        # The smallest type has two bits. Of larger ones, such as doubles, and of strings this lets pass more than is
        # there; ONNX Runtime refuses those before it allocates anything (tried).
        if len(dimensions) > _MOST_DIMENSIONS or _product(dimensions) > 8 * room:
            raise _RefusedError(f"tensor {self.shown(*name)} is larger than the data in it")

    def domain(self, start: int, end: int) -> None:
        if self.data[start:end] not in _DOMAINS:
            raise _RefusedError(
                f"asks for operators of {self.shown(start, end)}, not of ai.onnx or com.microsoft alone"
            )

    def shown(self, start: int, end: int) -> str:
        return ascii(self.data[start : min(end, start + 40)].decode("utf-8", "replace"))

    def packed(self, start: int, end: int) -> list[int]:
        numbers: list[int] = []
        while start < end and len(numbers) <= _MOST_DIMENSIONS:
            number, start = self.varint(start)
            numbers.append(number)
        if start > end:
            raise _RefusedError(_MALFORMED)
        return numbers

    def fields(self, place: int, end: int) -> list[tuple[int, int, int]]:
        """(tag, first byte, byte after the last) of each field; of numbers (tag, value, 0). One byte is the rule."""
        data, found = self.data, []
        for _ in range(self.left + 1):  # once more, to see the end after the last that may be
            if place >= end:
                break
            tag = data[place]
            place += 1
            if tag > 127:
                tag, place = self.varint(place - 1)
            kind = tag & 7
            if kind == 2:
                size = data[place]
                place += 1
                if size > 127:
                    size, place = self.varint(place - 1)
                found.append((tag, place, place + size))
                place += size
            elif kind == 0:
                value, place = self.varint(place)
                found.append((tag, value, 0))
            elif kind in (1, 5):
                found.append((tag, 0, 0))
                place += 8 if kind == 1 else 4
            else:  # groups, which ONNX never had, and two numbers that mean nothing
                raise _RefusedError(_MALFORMED)
            if place > end or tag < 8 or tag >= 2**32:
                raise _RefusedError(_MALFORMED)
        else:
            raise _RefusedError(f"has more than {_MOST_FIELDS:,} fields")
        self.left -= len(found)
        return found

    def varint(self, place: int) -> tuple[int, int]:
        """A number of ten bytes at most, seven bits each, the lowest first; and the place after it."""
        number = 0
        for shift in range(0, 70, 7):
            byte = self.data[place]
            place += 1
            number |= (byte & 127) << shift
            if byte < 128:
                return number, place
        raise _RefusedError(_MALFORMED)


def _product(dimensions: list[int]) -> int:
    """Of a tensor's elements, 0 counted as 1. A negative dimension is a number of ten bytes, beyond any room."""
    product = 1
    for dimension in dimensions:
        product *= dimension or 1
    return product
