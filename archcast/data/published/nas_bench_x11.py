"""NAS-Bench-111, -311 and -NLP11: surrogates with learning curves, which cannot be read without running their code."""

from __future__ import annotations

from pathlib import Path

from archcast.data.base import Benchmark, register
from archcast.errors import InvalidFileError

__all__ = ["TABLES", "read"]

TABLES = {"nasbench111": "nasbench101", "nasbench311": "nasbench301", "nasbench-nlp11": "nasbench-nlp"}
"""Each surrogate, and the benchmark here whose trainings it was made of."""


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
    of the curves, and a density of scikit-learn. The singular vectors alone are data; without the models they answer nothing.

    Raises:
        InvalidFileError: always.
    """
    raise InvalidFileError(
        f"{task} is a surrogate: pickled models of LightGBM and scikit-learn, which run code when they are read, and nothing in a "
        "file is executed here. For a table, install https://github.com/automl/nas-bench-x11 in an environment of its own, query "
        "it, and write architectures and scores to a CSV file: archcast bench --table reads it. Or make one of the trainings: "
        f"archcast surrogate {TABLES[task]} -o surrogate.npz."
    )
