"""NAS-Bench-101: 500 cells with validation accuracy and published proxies, as a CSV table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archcast.data.base import register, require_file
from archcast.data.benchmark import Benchmark
from archcast.data.published._published import PROXIES, clean, read_csv
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.spaces.base import get_space

__all__ = ["read"]

TABLE = "nb101.csv.gz"
LABELS = {"0": "input", "1": "output", "2": "maxpool3x3", "3": "conv1x1-bn-relu", "4": "conv3x3-bn-relu"}
GET = (
    "It is a table with the columns adjacency (rows of the matrix joined by ';'), ops (0 input, 1 output, 2 maxpool3x3, "
    "3 conv1x1, 4 conv3x3) and val_acc (percent), made from https://github.com/google-research/nasbench or from the "
    "zero-cost tables of https://github.com/automl/NASLib."
)


@register(
    "nasbench101",
    summary="NAS-Bench-101, CIFAR-10; the cells with published proxies (500)",
    paper="Ying et al. 2019, https://arxiv.org/abs/1902.09635",
    space="nasbench101",
    needs="$ARCHCAST_DATA",
)
def read(_: str, folder: Path | None) -> Benchmark:
    """Read ``nb101.csv.gz``: the rows that have ``val_acc``, the validation accuracy in percent after 108 epochs.

    Proxies are the table's columns of those names.
    """
    path = require_file(TABLE, folder, benchmark="nasbench101", get=GET)
    table = read_csv(path, ["adjacency", "ops", "val_acc"])
    table = table[table["val_acc"].notna()]
    space = get_space("nasbench101")
    archs = []
    for line, matrix, ops in zip(table.index + 2, table["adjacency"], table["ops"]):
        try:
            archs.append(space.parse(f"{matrix}|{','.join(LABELS.get(op, op) for op in ops)}")[0])
        except InvalidInputError as error:
            raise InvalidFileError(f"{str(path)!r}, line {line}: {error}") from error
    return Benchmark(
        "nasbench101",
        space,
        np.array(archs),
        {"val_acc": table["val_acc"].to_numpy(float)},
        "val_acc",
        proxies={name: clean(table[name].to_numpy(float)) for name in PROXIES if name in table},
        source=str(path),
    )
