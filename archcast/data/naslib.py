"""Architectures as NASLib and NAS-Bench-Suite-Zero write them: tuples or lists of numbers whose coding depends on the space."""

from __future__ import annotations

import ast
import gzip
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidFileError, InvalidInputError
from archcast.spaces.base import SearchSpace, get_space

__all__ = ["FAILED", "from_ops", "native", "suite_zero", "suite_zero_scores", "to_ops"]

MAX_TEXT, MAX_BYTES = 4096, 1 << 30
NB101_LABELS = ("input", "output", "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")
DARTS_OPERATIONS = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3",
                    "dil_conv_5x5")  # fmt: skip


def from_ops(ops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of space ``nasbench201`` from digits, ``(n, 6)`` each.

    The digits name the edges (0,1) (0,2) (0,3) (1,2) (1,3) (2,3); 0 skip_connect, 1 none, 2 nor_conv_3x3, 3
    nor_conv_1x1, 4 avg_pool_3x3.
    """
    return np.array([1, 0, 3, 2, 4])[ops][:, [0, 1, 3, 2, 4, 5]]


def to_ops(archs: NDArray[np.int64]) -> list[str]:
    """Inverse of :func:`from_ops`, as texts of six digits."""
    return ["".join(map(str, row)) for row in np.array([1, 0, 3, 2, 4])[archs][:, [0, 1, 3, 2, 4, 5]].tolist()]


def native(space: SearchSpace, texts: Sequence[str]) -> list[str]:
    """The texts in the notation of the space: those that are tuples or lists are translated, the others stay.

    Known are ``nasbench201`` (six digits, see :func:`from_ops`), ``transnasbench101-micro`` (the six digits of
    the benchmark), ``transnasbench101-macro`` (its four to six digits), ``nasbench101`` (the matrix row by row,
    then the operations: 0 input, 1 output, 2 maxpool3x3, 3 conv1x1, 4 conv3x3) and ``darts`` (normal and
    reduction cell of eight pairs (node, operation)).

    Examples:
        >>> from archcast.spaces.base import get_space
        >>> native(get_space("nasbench201"), ["(4, 0, 3, 1, 4, 3)"])
        ['|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|']

    Raises:
        InvalidInputError: a tuple is not one of the space.
    """
    translate = _TRANSLATE.get(space.name)
    if translate is None:
        return list(texts)
    return [_translated(space, translate, text) if text.lstrip().startswith(("(", "[")) else text for text in texts]


def _translated(space: SearchSpace, translate: Callable[[Any], str], text: str) -> str:
    try:
        if len(text) > MAX_TEXT:
            raise ValueError("it is too long")
        return translate(ast.literal_eval(text.strip()))
    except (ValueError, TypeError, SyntaxError, IndexError, MemoryError, RecursionError) as error:
        raise InvalidInputError(
            f"{text[:80]!r} is not an architecture of space {space.name!r} in NASLib's notation: {str(error)[:120]}."
        ) from error


def _digits(values: Any, lengths: tuple[int, ...], options: int) -> list[int]:
    if len(values) not in lengths or any(type(v) is not int or not 0 <= v < options for v in values):
        raise ValueError(f"expected {' to '.join(map(str, lengths))} numbers from 0 to {options - 1}")
    return list(values)


def _nasbench201(values: Any) -> str:
    return get_space("nasbench201").format(from_ops(np.array([_digits(values, (6,), 5)])))[0]


def _transnas_micro(values: Any) -> str:
    return "".join(map(str, _digits(values, (6,), 4)))


def _transnas_macro(values: Any) -> str:
    digits = _digits(values, (4, 5, 6), 5)
    return f"64-{''.join(map(str, digits)).rstrip('0')}-basic"


def _nasbench101(values: Any) -> str:
    v = next((v for v in range(2, 8) if v * v + v == len(values)), 0)
    if not v:
        raise ValueError("expected a matrix of V x V and V operations")
    lines = ["".join(map(str, _digits(values[v * k : v * (k + 1)], (v,), 2))) for k in range(v)]
    return f"{';'.join(lines)}|{','.join(NB101_LABELS[k] for k in _digits(values[v * v :], (v,), 5))}"


def _darts(cells: Any) -> str:
    named = []
    for cell in cells:
        if len(cell) != 8:
            raise ValueError("expected eight pairs a cell")
        named.append([(op if isinstance(op, str) else DARTS_OPERATIONS[op], int(node)) for node, op in cell])
    normal, reduce = named
    return f"Genotype(normal={normal}, normal_concat=range(2, 6), reduce={reduce}, reduce_concat=range(2, 6))"


FAILED = -1e8
"""What published tables write where a proxy could not be computed."""

SUITE_ZERO_SPACES = ("nasbench101", "nasbench201", "nasbench301", "transbench101_micro", "transbench101_macro")
NO_PROXIES = ("val_accuracy", "id", "idx")
"""What stands beside the proxies of an architecture."""


def suite_zero(path: Path) -> dict[str, dict[str, Any]]:
    """NAS-Bench-Suite-Zero's file ``zc_<space>.json``: data set -> text of an architecture -> proxies and
    ``val_accuracy``. In files before the release one more level is outside: the name of the space.

    Raises:
        InvalidFileError: another shape.
    """
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise InvalidFileError(f"{str(path)!r} holds more than {MAX_BYTES:,} bytes.")
        table = json.loads(data)
        if len(table) == 1 and (space := next(iter(table))) in SUITE_ZERO_SPACES:
            table = table[space]
        if not all(isinstance(entry, dict) for rows in table.values() for entry in rows.values()):
            raise ValueError("an architecture has no table of proxies")
    except (OSError, EOFError, zlib.error, ValueError, AttributeError, RecursionError, MemoryError) as error:
        if isinstance(error, InvalidFileError):
            raise
        raise InvalidFileError(f"{str(path)!r} is not a file of NAS-Bench-Suite-Zero: {str(error)[:160]}.") from error
    return table


def suite_zero_scores(entry: Mapping[str, Any]) -> dict[str, float]:
    """Proxies of one architecture, which are objects with ``score`` and ``time``, or numbers in files before the release; NaN where
    one failed (-1e8 or no finite number).

    Examples:
        >>> suite_zero_scores({"synflow": {"score": 3.5, "time": 0.1}, "nwot": -1e8, "val_accuracy": 90.0})
        {'synflow': 3.5, 'nwot': nan}
    """
    out = {}
    for name, value in entry.items():
        found = value.get("score") if isinstance(value, dict) else None if name in NO_PROXIES else value
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            score = float(found)
            out[name] = score if math.isfinite(score) and score > FAILED else math.nan
    return out


_TRANSLATE: dict[str, Callable[[Any], str]] = {
    "nasbench101": _nasbench101,
    "nasbench201": _nasbench201,
    "transnasbench101-micro": _transnas_micro,
    "transnasbench101-macro": _transnas_macro,
    "darts": _darts,
}
