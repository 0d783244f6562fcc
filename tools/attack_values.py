"""Hostile values: what the attack puts in the place of each argument, and of each option of a command."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import io
import math
import threading
import unittest.mock
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np


class Rude:
    """Raises from whatever it is asked."""

    def _no(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no\nanswer")

    __array__ = __len__ = __iter__ = __getitem__ = __repr__ = __str__ = __eq__ = __bool__ = __float__ = __index__ = _no
    __hash__ = None  # type: ignore[assignment]


class Liar:
    """Says of itself what it is not."""

    __class__ = dict  # type: ignore[assignment]

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)


class Text(str):
    """A text whose methods fail."""

    def _no(self, *_: Any) -> Any:
        raise ValueError("no text")

    lower = split = strip = startswith = _no  # type: ignore[assignment]


def _itself() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


def _raises_later() -> Iterator[int]:
    yield 1
    raise OSError("a stream that breaks")


def _read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


def _tensor(make: str, *args: Any, dtype: str | None = None, **rest: Any) -> Any:
    import torch

    return getattr(torch, make)(*args, dtype=getattr(torch, dtype) if dtype else None, **rest)


def _deep(depth: int = 2000) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: dict[str, Callable[[], Any]] = {
    "None": lambda: None, "true": lambda: True, "zero": lambda: 0, "minus": lambda: -1, "2**63": lambda: 2**63,
    "10**30": lambda: 10**30, "10**5000": lambda: 10**5000, "half": lambda: 0.5, "nan": lambda: math.nan,
    "inf": lambda: math.inf, "-inf": lambda: -math.inf, "1e308": lambda: 1e308, "complex": lambda: 1j,
    "numpy nan": lambda: np.float32("nan"), "numpy array": lambda: np.array(3), "date": lambda: datetime.date(2026, 1, 1),
    "empty text": lambda: "", "superscript": lambda: "²", "digits": lambda: "3", "lines": lambda: "a\nb", "nul": lambda: "a\0b",
    "surrogate": lambda: "\udc80", "long text": lambda: "x" * 100_000, "bytes": lambda: b"\xff", "up": lambda: "../../x",
    "empty list": list, "empty dict": dict, "list of None": lambda: [None], "texts": lambda: ["a", "b"],
    "ragged": lambda: [[1], [2, 3]], "nested": _deep, "nan list": lambda: [math.nan] * 6,
    "huge list": lambda: [1e308, -1e308] * 3, "big integers": lambda: [10**30] * 6, "dict": lambda: {"a": 1},
    "dict of None": lambda: {None: None}, "dict of dict": lambda: {"a": {"b": math.nan}}, "set": lambda: {1, "a"},
    "iterator": lambda: iter([1]), "object": object, "rude": Rude, "class": lambda: Rude, "function": lambda: len,
    "module": lambda: math, "masked": lambda: np.ma.masked_all(6), "no rows": lambda: np.zeros((0, 6)),
    "cube": lambda: np.zeros((2, 2, 2)), "objects": lambda: np.array([object()] * 6),
    "records": lambda: np.zeros(6, dtype=[("a", int)]), "dates": lambda: np.zeros(6, "datetime64[D]"),
    "truths": lambda: np.ones(6, dtype=bool), "bytes list": lambda: [b"1"] * 6,
    "itself": _itself, "decimal": lambda: decimal.Decimal("NaN"), "fraction": lambda: fractions.Fraction(1, 3),
    "range": lambda: range(3), "deque": lambda: collections.deque([1, 2]), "path": lambda: Path("nowhere"),
    "mock": unittest.mock.MagicMock, "lock": threading.Lock, "stream": io.StringIO, "partial": lambda: functools.partial(print),
    "raises later": _raises_later, "liar": Liar, "text of a kind": lambda: Text("gp"), "negative zero": lambda: -0.0,
    "2**64": lambda: np.uint64(2**64 - 1), "other endian": lambda: np.arange(6, dtype=">i2"),
    "half array": lambda: np.ones(6, "f2"),
    "read only": lambda: _read_only(np.zeros(6)), "view": lambda: memoryview(b"abcdef"), "void": lambda: np.void(b"abc"),
    "zero-sized": lambda: np.zeros((6, 0)), "list of lists": lambda: [[], []], "tuple of None": lambda: (None,) * 6,
    "dict of 1": lambda: {1: 2}, "NaN key": lambda: {math.nan: 1.0}, "long list": lambda: [0] * 100_000,
    "tensor": lambda: _tensor("zeros", 6), "meta tensor": lambda: _tensor("empty", 6, device="meta"),
    "complex tensor": lambda: _tensor("ones", 6, dtype="complex64"), "gradient": lambda: _tensor("ones", 6, requires_grad=True),
}  # fmt: skip
"""Name -> what makes the value anew: the values that every argument of every target meets."""
NEVER = {
    "complex",
    "date",
    "bytes",
    "object",
    "rude",
    "module",
    "records",
    "dates",
    "objects",
    "bytes list",
    "lock",
}
"""Of these, what no argument takes for itself: an answer to it is silent."""
TEXTS = (
    "", "²", "１", "-1", "0", "1e308", "1e30", "9" * 5000, "nan", "inf", "-inf", "None", "a\nb", "\udc80", "x" * 5000, "../../x",
    "/dev/null", "/", ".", "FOLDER", "EMPTY", "NOISE", "TEXT", "JSON", "DEEP", "PICKLE", "NPZ", "[" * 50_000, "{}", "[]", "a=b",
    ",", "a,b", "*", "--", "-", "1x", "3x0x3", "True", ":", "a:b", "nasbench201:x", "digits", "meta", "cuda:99", "all", "1_0",
    " ",
)  # fmt: skip
"""What every option of every command meets; words in capitals are paths to files of another kind."""


def file_of(text: str) -> str:
    """The path of a file of another kind, where a word in capitals stands for it; it lies in the working directory."""
    contents = {
        "EMPTY": b"", "NOISE": bytes(range(256)) * 4, "TEXT": b"a,b\n1\n2,3,4\n", "JSON": b'{"a": [1, null]}',
        "DEEP": b"[" * 100_000, "PICKLE": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        "NPZ": b"PK\x03\x04" + bytes(40),
    }  # fmt: skip
    if text == "FOLDER":
        Path("folder").mkdir(exist_ok=True)
        return "folder"
    if text not in contents:
        return text
    suffix = {"TEXT": ".csv", "JSON": ".json", "DEEP": ".json", "PICKLE": ".pkl", "NPZ": ".npz"}.get(text, ".csv")
    path = Path(text.lower() + suffix)
    path.write_bytes(contents[text])
    return str(path)
