"""NAS-Bench-111, -311 and -NLP11: surrogates with learning curves, which cannot be read without running their code.

Of a model the singular values and vectors of the curves are data: :func:`singular_vectors` reads them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archcast.checks import path_of
from archcast.data._stand_ins import Models
from archcast.data.base import Benchmark, register
from archcast.data.published._files import Part, reading, unpickled
from archcast.errors import DataNotFoundError, InvalidFileError

__all__ = ["TABLES", "read", "singular_vectors"]

TABLES = {"nasbench111": "nasbench101", "nasbench311": "nasbench301", "nasbench-nlp11": "nasbench-nlp"}
"""Each surrogate, and the benchmark here whose trainings it was made of."""

FILE, PACKAGES = "surrogate_model.model", ("lightgbm", "xgboost", "sklearn")
VALUES, VECTORS = 2, 3
"""Places in the list that a file holds."""


@register(
    "nas-bench-x11",
    summary="NAS-Bench-x11, surrogates of NAS-Bench-101, -301 and -NLP with curves: refused, because they are code",
    paper="Yan et al. 2021, https://arxiv.org/abs/2111.03602",
    tasks=tuple(TABLES),
    licence="Apache-2.0",
    holds="nothing that is data",
    needs="cannot be read",
)
def read(task: str, _: Path | None) -> Benchmark:
    """Refuse, and say what to do instead.

    A model is a list in a pickle of joblib: a chain of LightGBM's models, a scaler of scikit-learn, the singular values and vectors
    of the curves, and a density of scikit-learn. The singular vectors alone are data (:func:`singular_vectors`); without the models
    they answer nothing.

    Raises:
        InvalidFileError: always.
    """
    raise InvalidFileError(
        f"{task} is a surrogate: pickled models, which run code when they are read, and nothing in a file is executed here. For a "
        "table, install https://github.com/automl/nas-bench-x11 in an environment of its own, query it, and write a CSV file, "
        "which archcast bench --table reads. Or make one of the trainings: "
        f"archcast surrogate {TABLES[task]} -o surrogate.npz. "
        "The curves' singular vectors are data: see archcast.data.published.nas_bench_x11."
    )


def singular_vectors(path: str | Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Singular values ``(r,)`` and vectors ``(r, T)`` of the learning curves that a model of NAS-Bench-x11 was fitted to.

    Args:
        path: ``surrogate_model.model``, or the folder that holds it. It is joblib's file of a list: models, a scaler, the singular
            values, the vectors, how many of them count, and perhaps a density. The classes are replaced by stand-ins that keep
            nothing; no code of the file is run.

    Raises:
        DataNotFoundError: there is no such file.
        InvalidFileError: it holds something else, or asks for another package than LightGBM, XGBoost and scikit-learn.
    """
    place = path_of("path", path).expanduser()
    place = place / FILE if place.is_dir() else place
    if not place.is_file():
        raise DataNotFoundError(
            f"No file {str(place)!r}. The models are linked by https://github.com/automl/nas-bench-x11."
        )
    part = Part(place)
    whole = unpickled(part, Models(PACKAGES), limit=1 << 34, max_opcodes=200_000_000)
    with reading(part, "a model of NAS-Bench-x11"):
        values, vectors = np.asarray(whole[VALUES], dtype=np.float64), np.asarray(whole[VECTORS], dtype=np.float64)
        if values.ndim != 1 or vectors.ndim != 2 or len(values) != len(vectors):
            raise ValueError("its third and fourth entries are not singular values and vectors")
        return values, vectors
