"""Helpers for the readers of published CSV tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archcast.data.naslib import FAILED
from archcast.errors import InvalidFileError
from archcast.spaces.base import SearchSpace

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FAILED", "PROXIES", "clean", "digits", "fill_twins", "read_csv"]

PROXIES = ("epe_nas", "fisher", "flops", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "params", "plain", "snip",
           "synflow", "zen")  # fmt: skip
"""The thirteen zero-cost proxies of NAS-Bench-Suite-Zero (Krishnakumar et al. 2022)."""


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a table whose ``ops`` and ``adjacency`` columns are text; ``columns`` must be there.

    Raises:
        InvalidFileError: not a table, or a column is missing.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype={"ops": str, "adjacency": str})
    except UnicodeDecodeError as error:
        raise InvalidFileError(
            f"{str(path)!r} is no file of this benchmark: neither its published format nor a CSV table, but bytes."
        ) from error
    except (ValueError, OSError, EOFError) as error:
        raise InvalidFileError(f"{str(path)!r} is not a CSV table: {error}.") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise InvalidFileError(f"{str(path)!r} has no column {missing[0]!r}; it has {', '.join(table.columns)}.")
    return table


def digits(texts: Sequence[str], length: int, path: Path) -> NDArray[np.int64]:
    """``(n, length)`` digits of texts such as ``"433000"``.

    Raises:
        InvalidFileError: names the line of the first text that is not ``length`` digits.
    """
    for line, text in enumerate(texts, start=2):
        if not (isinstance(text, str) and len(text) == length and text.isascii() and text.isdigit()):
            raise InvalidFileError(f"{str(path)!r}, line {line}: ops {text!r} is not {length} digits.")
    return np.frombuffer("".join(texts).encode(), dtype=np.uint8).reshape(-1, length).astype(np.int64) - ord("0")


def clean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Failed and infinite values become NaN: unknown."""
    return np.where(np.isfinite(values) & (values > FAILED), values, np.nan)


def fill_twins(values: NDArray[np.float64], space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give a row without a value (NaN) the median of the values of the rows that are the same function.

    A proxy depends on the function alone, up to the random initial weights. Architectures that do not connect
    their input to their output have no meaningful value: NaN.

    Args:
        values: ``(n,)``.
        space: their search space.
        archs: ``(n, d)``.
    """
    _, group = np.unique(space.canonical(archs), axis=0, return_inverse=True)
    group = group.ravel()
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.lexsort((values[known], group[known]))]
    start = np.searchsorted(group[order], np.arange(group.max() + 1), side="left")
    stop = np.searchsorted(group[order], np.arange(group.max() + 1), side="right")
    median = np.full(group.max() + 1, np.nan)
    some = stop > start
    low, high = (start + stop - 1) // 2, (start + stop) // 2
    median[some] = (values[order[low[some]]] + values[order[high[some]]]) / 2
    filled = np.where(np.isfinite(values), values, median[group])
    return np.where(connected(space, archs), filled, np.nan)


def connected(space: SearchSpace, archs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``(n,)`` bool: whether every cell has a path from an input to its output."""
    graphs = space.graphs(archs).pruned()
    return np.asarray(np.stack([cell.adjacency[:, :, -1].any(axis=1) for cell in graphs.split()]).all(axis=0))
