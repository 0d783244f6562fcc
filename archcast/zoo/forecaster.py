"""Accuracy of models of families never seen, from their structure and recipe.

Extremely randomised trees and boosted trees that may only rise with parameters, operations, activations and image size are
averaged. Twice: with the flags of the recipe, and without for models whose recipe is not known. Intervals are conformal over
families: a family is left out, its models are forecast, and the quantile of these errors, each family weighing the same, is the
half width. Structure, not a table, is all that a fitted forecaster holds: no row of the training table can be read from it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import numbers, path_of
from archcast.costs.structure_names import STRUCTURE
from archcast.errors import InvalidFileError, InvalidInputError, short
from archcast.files import read_arrays, write_whole
from archcast.zoo.recipe import RECIPE
from archcast.zoo.trees import Trees

__all__ = ["ZooForecast", "ZooForecaster", "conformal_width"]

FORMAT = 1
RISING = ("log_params", "log_macs", "log_activations", "log_resolution")
FOLDS = 10
SIZES = {"log_params": "parameters", "log_macs": "multiplications", "log_activations": "activations"}
SIZES |= {"log_resolution": "pixels a side"}
MARGIN = 2.0
"""So many times larger or smaller than the outermost split of any tree a model is beyond what was learned from."""
SHRINKAGE = 1.3
"""How many models of a family its unknown shift is worth."""
LEVEL = 0.9
PERCENTILES = np.arange(0.0, 101.0, 2.0)
Array = NDArray[np.float64]


@dataclass(frozen=True)
class ZooForecast:
    """Forecast top-1 accuracies on ImageNet, in per cent.

    Attributes:
        top1: ``(n,)``.
        low, high: ``(n,)`` ends of the 90 % interval.
        percentile: ``(n,)`` among models of the same number of parameters: 100 is the best.
        beyond: for each model, in words, in what it is beyond all that the forecaster learned from; such a forecast is a guess,
            whatever its interval says.
    """

    top1: Array
    low: Array
    high: Array
    percentile: Array
    beyond: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class ZooForecaster:
    """A fitted forecaster; see the module.

    Attributes:
        with_recipe, without: trees of the two cases.
        widths: half widths of the 90 % interval, with and without recipe.
        trend: coefficients of a parabola of top-1 over log_params, highest power first.
        around: ``(51,)`` quantiles of the distance of models from that trend.
        about: what it was trained on, for people.
    """

    with_recipe: tuple[Trees, Trees]
    without: tuple[Trees, Trees]
    widths: tuple[float, float]
    trend: Array
    around: Array
    about: str = ""

    @classmethod
    def fit(
        cls, structures: Array, flags: Array, top1: Array, families: Sequence[str], *, about: str = "", seed: int = 0
    ) -> ZooForecaster:
        """Learn from published results.

        Args:
            structures: ``(n, k)`` columns of :data:`archcast.costs.structure.STRUCTURE`.
            flags: ``(n, r)`` of :func:`~archcast.zoo.recipe.recipe_flags`.
            top1: ``(n,)`` per cent.
            families: ``n`` names; a family is left out as a whole to find how far forecasts err.
            about: what the table is.
            seed: of the trees and folds.
        """
        outside = cls.left_out(structures, flags, top1, families, seed=seed)
        widths = [conformal_width(np.abs(values - top1), families) for values in outside]
        size = structures[:, list(STRUCTURE).index("log_params")]
        trend = np.polyfit(size, top1, 2)
        around = np.percentile(top1 - np.polyval(trend, size), PERCENTILES)
        both = np.hstack([structures, flags])
        fitted = [_fit(x, top1, seed) for x in (both, structures)]
        return cls(fitted[0], fitted[1], (widths[0], widths[1]), trend, around, about)

    @staticmethod
    def left_out(
        structures: Array, flags: Array, top1: Array, families: Sequence[str], *, seed: int = 0
    ) -> tuple[Array, Array]:
        """``(n,)`` forecasts of each model by forecasters that never saw its family: with recipe and without."""
        names = np.array(list(families))
        order = np.random.default_rng(seed).permutation(sorted(set(families)))
        inputs = np.hstack([structures, flags]), structures
        out = np.full((2, len(top1)), np.nan)
        for fold in np.array_split(order, min(FOLDS, len(order))):
            there = np.isin(names, fold)
            for case, x in enumerate(inputs):
                out[case, there] = _mean(_fit(x[~there], top1[~there], seed), x[there])
        return out[0], out[1]

    def predict(
        self,
        structures: ArrayLike,
        flags: ArrayLike | None = None,
        *,
        known: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> ZooForecast:
        """Forecast.

        Args:
            structures: ``(n, k)``.
            flags: ``(n, r)``; ``None`` where the recipe is not known, which makes the interval wider.
            known: structures and top-1 of models of the same family, trained by the same recipe: the forecast is shifted by their
                mean error, less the fewer there are.
        """
        x = described = _rows("structures", structures, len(STRUCTURE))
        case = self.without
        shift = 0.0
        if flags is not None:
            recipes = _rows("flags", flags, len(RECIPE))
            if len(recipes) != len(x):
                raise InvalidInputError(f"flags must have a row for each of the {len(x)} models, got {len(recipes)}.")
            case, x = self.with_recipe, np.hstack([x, recipes])
        mean = _mean(case, x)
        if known is not None:
            if not isinstance(known, (tuple, list)) or len(known) != 2:
                raise InvalidInputError(f"known must be a pair, structures and top-1, got {short(known)}.")
            members, truth = _rows("known structures", known[0], len(STRUCTURE)), numbers("known top-1", known[1])
            if truth.shape != (len(members),) or not np.isfinite(truth).all():
                raise InvalidInputError(f"known must hold one top-1 for each model, finite, got shape {truth.shape}.")
            shift = float((truth - _mean(self.without, members)).sum() / (len(members) + SHRINKAGE))
            mean = _mean(self.without, described)
        mean = np.clip(mean + shift, 0, 100)
        width = self.widths[0 if flags is not None else 1]
        size = described[:, list(STRUCTURE).index("log_params")]
        place = np.interp(mean - np.polyval(self.trend, size), self.around, PERCENTILES)
        low, high = np.clip(mean - width, 0, 100), np.clip(mean + width, 0, 100)
        return ZooForecast(mean, low, high, place, tuple(map(self._beyond, described)))

    def _beyond(self, row: Array) -> tuple[str, ...]:
        """In what a model is beyond those learned from, as far as the splits of the trees tell."""
        said = []
        for name, what in SIZES.items():
            column = list(STRUCTURE).index(name)
            splits = [trees.threshold[trees.feature == column] for trees in (*self.with_recipe, *self.without)]
            ends = np.concatenate(splits).astype(np.float64)
            if len(ends) and not ends.min() - np.log(MARGIN) <= row[column] <= ends.max() + np.log(MARGIN):
                value, low, high = (_short(np.exp(end)) for end in (row[column], ends.min(), ends.max()))
                said.append(f"{value} {what}, where the models learned from have about {low} to {high}")
        return tuple(said)

    def save(self, path: str | Path) -> None:
        """Write arrays and a line of JSON, whole or not at all."""
        arrays: dict[str, Any] = {"trend": self.trend, "around": self.around}
        for name, case in (("with", self.with_recipe), ("without", self.without)):
            for number, trees in enumerate(case):
                arrays |= {f"{name}/{number}/{key}": value for key, value in trees.arrays().items()}
        header = {"format": FORMAT, "widths": self.widths, "about": self.about}
        header |= {"structure": list(STRUCTURE), "recipe": list(RECIPE)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, header=np.array(json.dumps(header)), **arrays)
        write_whole(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> ZooForecaster:
        """Read what :meth:`save` wrote; nothing in the file is executed.

        Raises:
            InvalidFileError: it is another file, or of another version.
        """
        path = path_of("path", path)
        try:
            arrays = read_arrays(path)
            header = json.loads(str(arrays["header"]))
            if header["format"] != FORMAT or header["structure"] != list(STRUCTURE) or header["recipe"] != list(RECIPE):
                raise ValueError("it is of another version of archcast; train it again")

            def case(name: str, width: int) -> tuple[Trees, Trees]:
                parts = [{key: arrays[f"{name}/{number}/{key}"] for key in Trees.KEYS} for number in (0, 1)]
                return Trees.of(parts[0], width), Trees.of(parts[1], width)

            cases = case("with", len(STRUCTURE) + len(RECIPE)), case("without", len(STRUCTURE))
            known, unknown = cases
            widths = float(header["widths"][0]), float(header["widths"][1])
            return cls(known, unknown, widths, arrays["trend"], arrays["around"], str(header["about"]))
        except Exception as error:  # whatever a foreign file makes numpy and json raise
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InvalidFileError(f"{str(path)!r} is not a forecaster of real models: {reason}.") from error


def _rows(name: str, given: ArrayLike, columns: int) -> Array:
    x = np.atleast_2d(numbers(name, given))
    if x.ndim != 2 or x.shape[1] != columns or not np.isfinite(x).all():
        raise InvalidInputError(f"{name} must be (n, {columns}) finite numbers, got shape {x.shape}.")
    return x


def _fit(x: Array, y: Array, seed: int) -> tuple[Trees, Trees]:
    rising = [name in RISING for name in STRUCTURE] + [False] * (x.shape[1] - len(STRUCTURE))
    return Trees.randomised(x, y, seed), Trees.boosted(x, y, rising, seed)


def _mean(case: tuple[Trees, Trees], x: Array) -> Array:
    return np.asarray((case[0].predict(x) + case[1].predict(x)) / 2)


def conformal_width(errors: Array, families: Sequence[str]) -> float:
    """The quantile of the errors at level 0.9 (F + 1) / F, each of the F families weighing the same."""
    names, index = np.unique(list(families), return_inverse=True)
    weights = 1 / np.bincount(index)[index]
    order = np.argsort(errors)
    share = np.cumsum(weights[order]) / weights.sum()
    level = min(LEVEL * (len(names) + 1) / len(names), 1.0)
    return float(errors[order][np.searchsorted(share, level).clip(max=len(errors) - 1)])


def _short(value: float) -> str:
    """A number in three digits: ``650``, ``360 k``, ``1.2 G``."""
    for unit in ("", " k", " M"):
        if value < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g} G"
