"""Read the data of a pickle without executing anything that it asks for.

Published benchmarks come as pickles, and Python's own unpickler runs whatever code a file names. This is an
interpreter of the opcodes that data needs (protocols 2 to 5). A class or function that a file may name is
replaced by an inert stand-in (:mod:`archcast.data._stand_ins`); any other name is refused. Opcodes, nesting and
the keys of dictionaries are bounded, and every error names the byte where the file went wrong.

:func:`read_pickle` reads a file, :func:`unpickle` a buffer: bytes or a memory map. A pickle that is too large for
memory is read with ``finish``, a function that sees each dictionary once it is filled and may replace its content
by something smaller; the memo then keeps only the objects that the file refers to again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archcast.data._references import references
from archcast.data._stand_ins import PLAIN, Inline, Replaced, check_key, set_of
from archcast.errors import InvalidFileError

__all__ = ["read_pickle", "unpickle"]

MAX_OPCODES = 20_000_000
"""Most opcodes of one pickle; a dictionary of 64 bytes is the costliest thing that one opcode makes."""

MAX_DEPTH = 64
"""Deepest nesting of lists, tuples and dictionaries."""

MAX_STACK = 1_000_000
"""Most values that wait to be put into a container."""

_BOXES = frozenset({dict, list, tuple})


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
            self.wanted, self.last = references(data, start, max_opcodes)

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
                    if not {*map(type, keys)} <= PLAIN:
                        for key in keys:
                            check_key(key)
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
                    members = set_of(stack[mark:])
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
