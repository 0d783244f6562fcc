"""The forecaster of real models, on made families whose accuracies are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from archcast.costs.structure_names import STRUCTURE
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.zoo.forecaster import ZooForecaster, conformal_width
from archcast.zoo.recipe import RECIPE, recipe_flags
from archcast.zoo.shipped import MEASURED

K = len(STRUCTURE)
DOCS = {"operations alone": "multiply-accumulates alone"}
TAGS = ["", "ra3_in1k", "fb_dist_in1k", "a3_in1k"]


def made(families=30, seed=0):
    """Accuracy rises with size, structure and recipe; each family has a shift of its own."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"family{i}" for i in range(families)], 8)
    x = rng.normal(size=(len(names), K))
    tags = rng.integers(len(TAGS), size=len(names))
    flags = np.array([recipe_flags(TAGS[t]) for t in tags])
    shift = np.repeat(rng.normal(0, 0.5, families), 8)
    truth = 75 + 2 * x[:, 0] + 1.5 * x[:, 6] + np.array([0, 1.0, 2.0, -3.0])[tags] + shift
    return x, flags, truth, list(names)


@pytest.fixture(scope="module")
def fitted():
    return ZooForecaster.fit(*made(), about="made")


def test_families_that_were_left_out_are_ranked_and_covered(fitted):
    x, flags, truth, _ = made(seed=1)
    known, unknown = fitted.predict(x, flags), fitted.predict(x)
    assert kendalltau(known.top1, truth).statistic > kendalltau(unknown.top1, truth).statistic > 0.5
    for answer in (known, unknown):
        assert 0.8 < np.mean((answer.low <= truth) & (truth <= answer.high)) <= 1
    assert (known.high - known.low).mean() < (unknown.high - unknown.low).mean()


def test_known_members_shift_a_family(fitted):
    x = made(seed=2)[0][:4]
    plain = fitted.predict(x)
    raised = fitted.predict(x[:1], known=(x[1:], fitted.predict(x[1:]).top1 + 3))
    assert raised.top1[0] - plain.top1[0] == pytest.approx(3 * 3 / (3 + 1.3))
    with pytest.raises(InvalidInputError, match="one top-1 for each model"):
        fitted.predict(x, known=(x, [1.0]))


def test_a_percentile_is_among_models_of_its_size(fitted):
    x, _, truth, _ = made()
    places = fitted.predict(x).percentile
    assert 0 <= places.min() < 30
    assert 70 < places.max() <= 100
    size = x[:, list(STRUCTURE).index("log_params")]
    assert abs(kendalltau(places, size).statistic) < abs(kendalltau(truth, size).statistic)


def test_files_hold_no_row(fitted, tmp_path):
    fitted.save(tmp_path / "zoo.npz")
    again = ZooForecaster.load(tmp_path / "zoo.npz")
    x, flags, truth, _ = made()
    np.testing.assert_array_equal(again.predict(x, flags).top1, fitted.predict(x, flags).top1)
    with np.load(tmp_path / "zoo.npz") as file:
        sizes = {name: file[name].size for name in file.files}
    assert len(truth) not in sizes.values()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04junk", b"\x93NUMPY"])
def test_other_files_are_refused(tmp_path, data):
    (tmp_path / "zoo.npz").write_bytes(data)
    with pytest.raises(InvalidFileError, match="not a forecaster of real models"):
        ZooForecaster.load(tmp_path / "zoo.npz")


def test_conformal_widths_weigh_families_alike():
    errors = np.concatenate([np.full(90, 1.0), np.linspace(2, 11, 10)])
    names = ["large"] * 90 + [f"small{i}" for i in range(10)]
    assert conformal_width(errors, ["one"] * 100) == errors.max()
    assert conformal_width(errors, names) > np.quantile(errors, 0.9)


def test_wrong_structures(fitted):
    with pytest.raises(InvalidInputError, match=f"structures must be \\(n, {K}\\) finite numbers"):
        fitted.predict(np.zeros((2, 3)))
    with pytest.raises(InvalidInputError, match="finite numbers"):
        fitted.predict(np.full((1, K), np.nan))
    with pytest.raises(InvalidInputError, match="flags must have a row for each of the 1 models, got 2"):
        fitted.predict(np.zeros((1, K)), np.zeros((2, len(RECIPE))))
    for known in (3, [1], "ab"):
        with pytest.raises(InvalidInputError, match=r"^known"):
            fitted.predict(np.zeros((1, K)), known=known)


@pytest.mark.parametrize(
    ("tag", "flags"),
    [
        ("", {"plain"}),
        ("ra3_in1k", {"ra3"}),
        ("a1h_in1k", {"a1"}),
        ("augreg_in21k_ft_in1k", {"in21k"}),
        ("fb_dist_in1k", {"distilled"}),
        ("tv2_in1k", {"tv2"}),
        ("laion2b_ft_in12k_in1k", {"web", "in21k"}),
        ("gluon_in1k", {"gluon"}),
    ],
)
def test_flags_of_tags(tag, flags):
    assert {name for name, flag in zip(RECIPE, recipe_flags(tag)) if flag} == flags


def test_a_model_beyond_those_learned_from_is_called_so(fitted):
    x = np.clip(made()[0], -1, 1)
    assert set(fitted.predict(x).beyond) == {()}
    far = x[:2].copy()
    far[1, list(STRUCTURE).index("log_params")] = np.log(650)
    first, second = fitted.predict(far).beyond
    assert first == ()
    assert len(second) == 1
    assert second[0].startswith("650 parameters, where the models learned from have about ")


def test_what_is_printed_beside_a_forecast_is_what_the_docs_measured():
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    for name, tau in MEASURED.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {DOCS.get(name, name)} "))
        assert f"{tau:.3f}".lstrip("0") in row
