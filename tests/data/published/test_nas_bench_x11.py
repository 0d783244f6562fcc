"""A surrogate that is code is refused, with the reason and what to do instead."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from sklearn.multioutput import RegressorChain
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from archcast.data.base import BENCHMARKS, benchmark_names, load_benchmark
from archcast.data.published.nas_bench_x11 import singular_vectors
from archcast.errors import DataNotFoundError, InvalidFileError

lightgbm = pytest.importorskip("lightgbm")


@pytest.mark.parametrize("name", [n for n in benchmark_names() if n.startswith("nas-bench-x11")])
def test_it_is_refused(name: str, tmp_path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"cos\nsystem\n.")
    with pytest.raises(InvalidFileError, match=r"nothing in a file is executed.*archcast surrogate"):
        load_benchmark(name, tmp_path)


def test_the_list_says_so() -> None:
    assert "refused" in BENCHMARKS.entry("nas-bench-x11").info["summary"]


@pytest.fixture
def model(tmp_path, rng):
    """A file as the package saves it: models, scaler, singular values and vectors, their number, a density."""
    curves = rng.random((30, 12))
    _, values, vectors = np.linalg.svd(curves, full_matrices=False)
    inputs, outputs = rng.random((30, 3)), rng.random((30, 2))
    models = RegressorChain(lightgbm.LGBMRegressor(n_estimators=2, verbose=-1)).fit(inputs, outputs)
    saved = [models, StandardScaler().fit(outputs), values, vectors, 2, KernelDensity().fit(outputs)]
    return tmp_path / "surrogate_model.model", saved


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("entries", [5, 6])
def test_singular_vectors_are_data(model, protocol, entries) -> None:
    path, saved = model
    joblib.dump(saved[:entries], path, protocol=protocol)
    values, vectors = singular_vectors(path.parent)
    np.testing.assert_array_equal(values, saved[2])
    np.testing.assert_array_equal(vectors, saved[3])


def test_nothing_of_a_model_is_run(model, survives) -> None:
    path, saved = model
    joblib.dump(saved, path)
    assert survives(path, lambda: singular_vectors(path), times=40) > 5
    joblib.dump([print, *saved[1:]], path)
    with pytest.raises(InvalidFileError, match=r"it asks for builtins\.print"):
        singular_vectors(path)
    for content in ([1, 2], [1, 2, saved[3], saved[3]], {"a": 1}):
        joblib.dump(content, path)
        with pytest.raises(InvalidFileError, match="is not a model of NAS-Bench-x11"):
            singular_vectors(path)
    with pytest.raises(DataNotFoundError, match="nas-bench-x11"):
        singular_vectors(path.with_name("other.model"))
