"""Read the data of a pickle without executing anything that it asks for.

Published benchmarks come as pickles, and Python's own unpickler runs whatever code a file names. This is an
interpreter of the opcodes that data needs (protocols 2 to 5). A class or function that a file may name is
replaced by an inert stand-in of our own; any other name is refused. Opcodes, nesting and the keys of dictionaries
are bounded, and every error names the byte where the file went wrong.

:func:`read_pickle` reads a file, :func:`unpickle` a buffer: bytes or a memory map. A pickle that is too large for
memory is read with ``finish``, a function that sees each dictionary once it is filled and may replace its content
by something smaller; the memo then keeps only the objects that the file refers to again.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archcast.errors import InvalidFileError

__all__ = ["CONTAINERS", "NUMPY", "NUMPY_SCALARS", "Inline", "Models", "Record", "Replaced", "read_pickle", "unpickle"]

MAX_OPCODES = 20_000_000
"""Most opcodes of one pickle; a dictionary of 64 bytes is the costliest thing that one opcode makes."""

MAX_DEPTH = 64
"""Deepest nesting of lists, tuples and dictionaries."""

MAX_STACK, MAX_RANGE = 1_000_000, 10_000
MAX_KEY_ITEMS, MAX_KEY_DEPTH = 256, 8
_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
_BOXES = frozenset({dict, list, tuple})
_TYPE_CODES = frozenset({"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "O8"})


class Record:
    """An object of the file: its attributes, and nothing else."""

    def build(self, state: Any) -> Record:
        for part in state if isinstance(state, tuple) else (state,):
            if part is not None:
                vars(self).update({str(name): value for name, value in part.items() if not str(name).startswith("__")})
        return self


class Replaced:
    """A stand-in that its own state turns into something else: ``build(state)`` returns that."""

    slot: int | None = None

    def build(self, state: Any) -> Any:
        raise NotImplementedError


class Inline(Replaced):
    """An array of joblib, whose bytes stand in the file right behind its description."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def build(self, state: Any) -> Any:
        self.state = dict(state)
        return self

    def take(self, data: Any, at: int) -> tuple[np.ndarray[Any, Any], int]:
        """The array that begins at byte ``at``, and the byte after it."""
        dtype, shape = self.state["dtype"].dtype, self.state["shape"]
        if dtype.hasobject:
            raise ValueError("an array holds objects")
        if self.state.get("numpy_array_alignment_bytes") is not None:
            at += 1 + data[at]
        size = dtype.itemsize
        for length in shape:
            if type(length) is not int or not 0 <= length <= len(data):
                raise ValueError("an array has a shape that no file can hold")
            size *= length
        if size > len(data) - at:
            raise IndexError
        return _array(bytes(data[at : at + size]), self.state["dtype"], shape, self.state["order"]), at + size


class _DType:
    """Stands for ``numpy.dtype``; keeps type code and byte order."""

    sized: tuple[str, ...] = ("U", "S")

    def __init__(self, code: str, align: object = None, copy: object = None) -> None:
        if code not in _TYPE_CODES and not (code[:1] in self.sized and code[1:].isdigit() and int(code[1:]) <= 4096):
            raise ValueError(f"type code {code!r} is not a plain number or text")
        self.code, self.order = code, "<"

    def build(self, state: tuple[Any, ...]) -> _DType:
        self.order = ">" if state[1] == ">" else "<"
        return self

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _AnyDType(_DType):
    """The same where numbers do not matter: records are bytes."""

    sized = ("U", "S", "V")


def _scalar(dtype: _DType, data: bytes) -> Any:
    """Stands for ``numpy.core.multiarray.scalar``; gives a Python number."""
    if dtype.code == "O8" or len(data) != dtype.dtype.itemsize:
        raise ValueError(f"a scalar of type {dtype.code!r} holds {len(data)} bytes")
    return np.frombuffer(data, dtype.dtype)[0].item()


class _Array(Replaced):
    """Stands for a ``numpy.ndarray`` while its state is read."""

    def __init__(self, *_: Any) -> None: ...

    def build(self, state: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        _, shape, dtype, fortran, raw = state
        return _array(raw, dtype, shape, "F" if fortran else "C")


def _array(raw: Any, dtype: _DType, shape: tuple[int, ...], order: str) -> np.ndarray[Any, Any]:
    if isinstance(raw, list):  # an object array: only plain values may be in it
        if not {*map(type, raw)} <= _PLAIN:
            raise ValueError("an object array holds more than numbers and texts")
        flat = np.empty(len(raw), dtype=object)
        flat[:] = raw
        return flat.reshape(shape, order=order)  # type: ignore[call-overload]
    if dtype.code == "O8":
        raise ValueError("an object array has no list of values")
    return np.frombuffer(raw, dtype.dtype).reshape(shape, order=order).copy()  # type: ignore[call-overload]


def _frombuffer(raw: Any, dtype: _DType, shape: tuple[int, ...], order: str) -> np.ndarray[Any, Any]:
    """Stands for ``numpy.core.numeric._frombuffer``."""
    return _array(bytes(raw), dtype, shape, order)


def _encode(text: str, encoding: str) -> bytes:
    """Stands for ``_codecs.encode``, by which protocol 2 of Python 3 stores bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"encoding {encoding!r} is not latin1")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    """Stands for ``bytes``, by which protocol 2 stores the empty one."""
    return b""


def _bytes_of(data: Any = b"", encoding: str = "latin-1") -> bytes:
    """Stands for ``bytearray``: of bytes, or in protocol 2 of a text."""
    return _encode(data, encoding) if isinstance(data, str) else bytes(memoryview(data))


def _ordered(pairs: Any = ()) -> dict[Any, Any]:
    """Stands for ``collections.OrderedDict``; a dict keeps its order."""
    out: dict[Any, Any] = {}
    for key, value in pairs:
        _check_key(key)
        out[key] = value
    return out


def _set(items: Any = ()) -> set[Any]:
    for item in items:
        _check_key(item)
    return set(items)


def _frozen(items: Any = ()) -> frozenset[Any]:
    return frozenset(_set(items))


NUMPY_SCALARS: Mapping[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
}
"""Stand-ins that turn numpy scalars into Python numbers."""

NUMPY: Mapping[tuple[str, str], Any] = {
    **NUMPY_SCALARS,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
    ("numpy", "ndarray"): "ndarray",
}
"""Stand-ins for numpy's scalars and arrays of numbers or text."""


class Factory:
    """Stands for a type that a ``defaultdict`` makes its missing values of: it makes nothing here."""


def _default(_: Any = None, pairs: Any = ()) -> dict[Any, Any]:
    """Stands for ``collections.defaultdict``; what it makes of missing keys is forgotten."""
    return _ordered(pairs.items() if isinstance(pairs, dict) else pairs)


def _counter(counts: Any = ()) -> dict[Any, Any]:
    """Stands for ``collections.Counter``."""
    return _ordered(counts.items() if isinstance(counts, dict) else counts)


def _range(*bounds: Any) -> list[int]:
    """Stands for ``range``: the numbers, which are few."""
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise ValueError(f"a range has {len(numbers):,} numbers")
    return list(numbers)


CONTAINERS: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _ordered,
    ("collections", "defaultdict"): _default,
    ("collections", "Counter"): _counter,
    **{(module, name): stand_in for module in ("builtins", "__builtin__") for name, stand_in in
       {"set": _set, "frozenset": _frozen, "range": _range, "xrange": _range, "bytearray": _bytes_of, "list": Factory,
        "dict": Factory, "int": Factory, "float": Factory, "str": Factory, "tuple": Factory, "bool": Factory}.items()},
}  # fmt: skip
"""Stand-ins for containers that are no opcode of their own."""


class Opaque:
    """Stands for an object whose class would have to be executed: it keeps nothing."""

    def __init__(self, *_: Any) -> None: ...

    def build(self, _: Any) -> Opaque:
        return self


class Models(dict[tuple[str, str], Any]):
    """Stand-ins for a file of joblib that holds models and arrays: of the models nothing is kept, no code of theirs is run.

    Args:
        packages: the packages whose classes the file may name.
    """

    def __init__(self, packages: tuple[str, ...]) -> None:
        super().__init__({**NUMPY, **CONTAINERS, ("numpy", "dtype"): _AnyDType})
        self[("joblib.numpy_pickle", "NumpyArrayWrapper")] = Inline
        self[("collections", "defaultdict")] = lambda *_: {}
        self.packages = packages

    def __contains__(self, key: object) -> bool:
        known = isinstance(key, tuple) and isinstance(key[0], str) and key[0].partition(".")[0] in self.packages
        return known or super().__contains__(key)

    def __missing__(self, key: tuple[str, str]) -> Any:
        return Opaque


def _check_key(key: Any) -> None:
    """A key is a plain value, or a tuple of few of them: hashing what a file made must cost little."""
    todo, items = [(key, 0)], 0
    while todo:
        value, depth = todo.pop()
        items += 1
        if type(value) is tuple and depth < MAX_KEY_DEPTH and len(value) + items <= MAX_KEY_ITEMS:
            todo += [(part, depth + 1) for part in value]
        elif type(value) not in _PLAIN:
            raise ValueError(f"a key is a {type(value).__name__}, or too large a tuple")


def read_pickle(
    path: Path,
    allowed: Mapping[tuple[str, str], Any],
    *,
    max_opcodes: int = MAX_OPCODES,
    max_bytes: int = 1 << 30,
) -> Any:
    """Read a file in which only the (module, name) pairs of ``allowed`` may occur, each replaced by its stand-in.

    Raises:
        InvalidFileError: the file is damaged, too large, or names anything else; says at which byte.
    """
    try:
        if path.stat().st_size > max_bytes:
            raise InvalidFileError(f"{str(path)!r} has {path.stat().st_size:,} bytes; at most {max_bytes:,} are read.")
        data = path.read_bytes()
    except OSError as error:
        raise InvalidFileError(f"{str(path)!r} could not be read: {error}.") from error
    return unpickle(data, allowed, label=repr(str(path)), max_opcodes=max_opcodes)[0]


def unpickle(
    data: Any,
    allowed: Mapping[tuple[str, str], Any],
    *,
    label: str,
    start: int = 0,
    max_opcodes: int = MAX_OPCODES,
    persistent: Callable[[Any], Any] | None = None,
    finish: Callable[[dict[Any, Any]], None] | None = None,
    shrink: Callable[[list[Any]], None] | None = None,
) -> tuple[Any, int]:
    """The object of the pickle that begins at ``start``, and the position after it.

    Args:
        data: bytes, or a memory map of a file.
        allowed: (module, name) -> stand-in.
        label: what errors call the file.
        start: position of the pickle's first byte.
        max_opcodes: most opcodes that are read.
        persistent: gives the object of a persistent id; without it such an id is refused.
        finish: called with each dictionary that has been filled; it may empty it.
        shrink: called with each list to which something was added; it may replace what is in it.

    Raises:
        InvalidFileError: names file and byte.
    """
    machine = _Machine(data, allowed, start, max_opcodes, persistent, finish, shrink)
    try:
        value = machine.run()
        if finish is None:
            _check_depth(value)
        return value, machine.at
    except (struct.error, IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError, MemoryError,
            RecursionError) as error:  # fmt: skip
        what = str(error)
        if isinstance(error, (struct.error, IndexError)) or not what:
            what = "it ends in the middle or is damaged" if not isinstance(error, MemoryError) else "too large"
        if isinstance(error, (KeyError, TypeError, AttributeError)):
            what = "an instruction does not fit what is before it"
        raise InvalidFileError(f"{label} could not be read as plain data: {what} (byte {machine.at:,}).") from error


def _check_depth(value: Any) -> None:
    """Refuse what is nested too deeply or contains itself."""
    deepest: dict[int, int] = {}
    todo = [(value, 1)] if type(value) in _BOXES else []
    while todo:
        box, depth = todo.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels, or contains itself")
        if deepest.get(id(box), 0) >= depth:
            continue
        deepest[id(box)] = depth
        inside = box.values() if type(box) is dict else box
        todo += [(part, depth + 1) for part in inside if type(part) in _BOXES]


class _Machine:
    """Stack, memo and position of one pickle."""

    def __init__(
        self,
        data: Any,
        allowed: Mapping[tuple[str, str], Any],
        start: int,
        max_opcodes: int,
        persistent: Callable[[Any], Any] | None,
        finish: Callable[[dict[Any, Any]], None] | None,
        shrink: Callable[[list[Any]], None] | None,
    ) -> None:
        self.data, self.allowed, self.at = data, allowed, start
        self.max_opcodes, self.persistent, self.finish, self.shrink = max_opcodes, persistent, finish, shrink
        self.memo: dict[int, Any] = {}
        self.wanted: bytearray | None = None
        self.last = b""
        if finish is not None:
            self.wanted, self.last = _references(data, start, max_opcodes)

    def run(self) -> Any:
        data, memo, wanted, finish, shrink = self.data, self.memo, self.wanted, self.finish, self.shrink
        end = len(data)
        double, u2, i4, u4 = (struct.Struct(code).unpack_from for code in (">d", "<H", "<i", "<I"))
        texts: dict[bytes, str] = {}
        stack: list[Any] = []
        marks: list[int] = []
        count, got, at, push = 0, 0, self.at, stack.append
        last = self.last
        if data[at : at + 1] != b"\x80" or not 2 <= data[at + 1] <= 5:
            raise ValueError("it is not a pickle of protocol 2 to 5")
        try:
            for _ in range(self.max_opcodes):
                op = data[at]
                at += 1
                if op == 0x47:  # BINFLOAT
                    push(double(data, at)[0])
                    at += 8
                elif op == 0x94:  # MEMOIZE
                    if wanted is None or wanted[count]:
                        memo[count] = stack[-1]
                    count += 1
                elif op in (0x8C, 0x58, 0x8D):  # SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
                    size, at = self._length(op, at, {0x8C: 1, 0x58: 4, 0x8D: 8}[op], end)
                    raw = data[at : at + size]
                    at += size
                    if size <= 32:
                        text = texts.get(raw)
                        if text is None:
                            text = texts[raw] = raw.decode("utf-8", "surrogatepass")
                            if len(texts) > 100_000:
                                texts.clear()
                        push(text)
                    else:
                        push(raw.decode("utf-8", "surrogatepass"))
                elif op == 0x4B:  # BININT1
                    push(data[at])
                    at += 1
                elif op in (0x71, 0x72):  # BINPUT, LONG_BINPUT
                    size = data[at] if op == 0x71 else u4(data, at)[0]
                    at += 1 if op == 0x71 else 4
                    if wanted is None or wanted[size]:
                        memo[size] = stack[-1]
                    count += 1
                elif op in (0x68, 0x6A):  # BINGET, LONG_BINGET
                    size = data[at] if op == 0x68 else u4(data, at)[0]
                    at += 1 if op == 0x68 else 4
                    push(memo.pop(size) if last and last[got] else memo[size])
                    got += 1
                elif op == 0x28:  # MARK
                    marks.append(len(stack))
                    if len(marks) > 2 * MAX_DEPTH or len(stack) > MAX_STACK:
                        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
                elif op in (0x75, 0x73):  # SETITEMS, SETITEM
                    mark = marks.pop() if op == 0x75 else len(stack) - 2
                    items = stack[mark:]
                    del stack[mark:]
                    box = stack[-1]
                    keys = items[0::2]
                    if type(box) is not dict or len(items) % 2:
                        raise TypeError
                    if not {*map(type, keys)} <= _PLAIN:
                        for key in keys:
                            _check_key(key)
                    box.update(zip(keys, items[1::2]))
                    if finish is not None:
                        finish(box)
                elif op == 0x2E:  # STOP
                    if len(stack) != 1 or marks:
                        raise ValueError("it leaves more or less than one object")
                    return stack[0]
                elif op == 0x7D:  # EMPTY_DICT
                    push({})
                elif op == 0x5D:  # EMPTY_LIST
                    push([])
                elif op == 0x29:  # EMPTY_TUPLE
                    push(())
                elif op in (0x85, 0x86, 0x87, 0x74):  # TUPLE1, TUPLE2, TUPLE3, TUPLE
                    mark = marks.pop() if op == 0x74 else len(stack) - (op - 0x84)
                    if mark < (marks[-1] if marks else 0):
                        raise IndexError
                    made = tuple(stack[mark:])
                    del stack[mark:]
                    push(made)
                elif op in (0x65, 0x61):  # APPENDS, APPEND
                    mark = marks.pop() if op == 0x65 else len(stack) - 1
                    items = stack[mark:]
                    del stack[mark:]
                    if type(stack[-1]) is not list:
                        raise TypeError
                    stack[-1].extend(items)
                    if shrink is not None:
                        shrink(stack[-1])
                elif op in (0x43, 0x42, 0x8E, 0x96):  # SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
                    size, at = self._length(op, at, {0x43: 1, 0x42: 4}.get(op, 8), end)
                    push(data[at : at + size])
                    at += size
                elif op == 0x4E:  # NONE
                    push(None)
                elif op in (0x88, 0x89):  # NEWTRUE, NEWFALSE
                    push(op == 0x88)
                elif op == 0x4A:  # BININT
                    push(i4(data, at)[0])
                    at += 4
                elif op == 0x4D:  # BININT2
                    push(u2(data, at)[0])
                    at += 2
                elif op == 0x52:  # REDUCE
                    arguments, function = stack.pop(), stack.pop()
                    if type(arguments) is not tuple or not callable(function):
                        raise TypeError
                    push(self._made(function, arguments, at, count))
                elif op == 0x81:  # NEWOBJ
                    arguments, function = stack.pop(), stack.pop()
                    if type(arguments) is not tuple or not isinstance(function, type):
                        raise TypeError
                    push(self._made(function, arguments, at, count))
                elif op == 0x62:  # BUILD
                    state, old = stack.pop(), stack[-1]
                    new = old.build(state)
                    if isinstance(new, Inline):
                        new, at = new.take(data, at)
                    stack[-1] = new
                    if new is not old and old.slot in memo:
                        memo[old.slot] = new
                elif op == 0x93:  # STACK_GLOBAL
                    name, module = stack.pop(), stack.pop()
                    push(self._find(module, name))
                elif op == 0x63:  # GLOBAL
                    lines = bytes(data[at : at + 512]).split(b"\n", 2)
                    if len(lines) < 3:
                        raise IndexError
                    push(self._find(lines[0].decode(), lines[1].decode()))
                    at += len(lines[0]) + len(lines[1]) + 2
                elif op == 0x8A:  # LONG1
                    size = data[at]
                    if size > 8 or at + 1 + size > end:
                        raise ValueError("an integer has more than 64 bits")
                    push(int.from_bytes(data[at + 1 : at + 1 + size], "little", signed=True))
                    at += 1 + size
                elif op in (0x55, 0x54):  # SHORT_BINSTRING, BINSTRING: text of Python 2
                    size, at = self._length(op, at, 1 if op == 0x55 else 4, end)
                    push(data[at : at + size].decode("latin-1"))
                    at += size
                elif op == 0x8F:  # EMPTY_SET
                    push(set())
                elif op in (0x90, 0x91):  # ADDITEMS, FROZENSET
                    mark = marks.pop()
                    members = _set(stack[mark:])
                    del stack[mark:]
                    if op == 0x91:
                        push(frozenset(members))
                    elif type(stack[-1]) is set:
                        stack[-1].update(members)
                    else:
                        raise TypeError
                elif op == 0x51:  # BINPERSID
                    if self.persistent is None:
                        raise ValueError("it asks for a persistent object")
                    push(self.persistent(stack.pop()))
                elif op == 0x95:  # FRAME
                    at += 8
                elif op == 0x80:  # PROTO
                    at += 1
                else:
                    raise ValueError(f"instruction {op:#04x} is not one that data needs")
            raise ValueError(f"it has more than {self.max_opcodes:,} instructions")
        finally:
            self.at = at

    def _length(self, op: int, at: int, width: int, end: int) -> tuple[int, int]:
        """Length of the text or bytes at ``at``, and where they begin."""
        size = int.from_bytes(self.data[at : at + width], "little")
        if at + width + size > end:
            raise IndexError
        return size, at + width

    def _find(self, module: Any, name: Any) -> Any:
        if (module, name) in self.allowed:
            return self.allowed[module, name]
        raise ValueError(f"it asks for {str(module)[:80]}.{str(name)[:80]}")

    def _made(self, function: Callable[..., Any], arguments: tuple[Any, ...], at: int, count: int) -> Any:
        """What a stand-in gives; one that is replaced later knows its place in the memo."""
        made = function(*arguments)
        if isinstance(made, Replaced) and at + 5 <= len(self.data):
            op = self.data[at]
            made.slot = {
                0x94: count,
                0x71: self.data[at + 1],
                0x72: int.from_bytes(self.data[at + 1 : at + 5], "little"),
            }.get(op)
        return made


def _references(data: Any, start: int, max_opcodes: int) -> tuple[bytearray, bytes]:
    """What the pickle at ``start`` refers to again: a first pass that builds nothing.

    Errors are left to the second pass, which says what is wrong.

    Returns:
        For each number of the memo whether the pickle refers to it, and for each reference whether it is the last
        to its number.
    """
    found = array("L")
    at, memoised, add = start, 0, found.append
    u4 = struct.Struct("<I").unpack_from
    try:
        for _ in range(max_opcodes):
            op = data[at]
            size = _SIZES[op]
            if size >= 0:
                if op == 0x68:
                    add(data[at + 1])
                elif op == 0x6A:
                    add(u4(data, at + 1)[0])
                elif op in (0x94, 0x71, 0x72):
                    memoised += 1
                elif op == 0x2E:
                    break
                at += 1 + size
            elif size >= -8:
                at += 1 - size + int.from_bytes(data[at + 1 : at + 1 - size], "little")
            elif op == 0x63:
                lines = bytes(data[at : at + 512]).split(b"\n", 2)
                at += len(lines[0]) + len(lines[1]) + 2
            else:
                break
    except (IndexError, struct.error):
        pass
    numbers = np.frombuffer(found, dtype=f"u{found.itemsize}") if found else np.zeros(0, dtype=np.uint64)
    wanted = bytearray(memoised + 1)
    np.frombuffer(wanted, dtype=np.uint8)[numbers[numbers < memoised]] = 1
    last = np.zeros(len(numbers), dtype=np.uint8)
    last[len(numbers) - 1 - np.unique(numbers[::-1], return_index=True)[1]] = 1
    return wanted, last.tobytes()


def _sizes() -> list[int]:
    """Bytes after each opcode; ``-w`` for a length in w bytes and that many more; below for all others."""
    sizes = [-sys.maxsize] * 256
    for op in b"\x94\x28\x75\x73\x2e\x7d\x5d\x29\x85\x86\x87\x74\x65\x61\x4e\x88\x89\x52\x81\x62\x93\x8f\x90\x91\x51":
        sizes[op] = 0
    for width, ops in ((1, b"\x4b\x71\x68\x80"), (2, b"\x4d"), (4, b"\x72\x6a\x4a"), (8, b"\x47\x95")):
        for op in ops:
            sizes[op] = width
    for width, ops in ((1, b"\x8c\x43\x8a\x55"), (4, b"\x58\x42\x54"), (8, b"\x8d\x8e\x96")):
        for op in ops:
            sizes[op] = -width
    return sizes


_SIZES = _sizes()
