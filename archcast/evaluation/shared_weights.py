"""What a trained supernet is worth: how it ranks, what it favours, how it trained, and what it would choose.

The predictors themselves read no table of results; the accuracies that their scores are compared with are read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

from archcast.data.benchmark import Benchmark
from archcast.errors import InvalidInputError
from archcast.predictors.one_shot._predictor import OneShotPredictor
from archcast.reports.figures import GREY, INKS
from archcast.reports.pages import page, svg, text
from archcast.spaces.base import get_space

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Section", "as_page", "compared", "diagnosed"]

SAMPLE = 500
"""Functions that are scored where no benchmark is given."""


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: what it shows.
        rows: a table of texts, its head first; or none.
        figures: functions that draw what the page shows besides.
        note: a sentence below.
    """

    title: str
    rows: list[list[str]] = field(default_factory=list)
    figures: tuple[Callable[[], Figure], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class _Truth:
    """Rows of the space and, of a benchmark, their accuracies."""

    rows: NDArray[np.int64]
    accuracy: NDArray[np.float64] | None
    metric: str

    @classmethod
    def of(cls, predictor: OneShotPredictor, benchmark: Benchmark | None) -> _Truth:
        space = get_space(predictor.space)
        if benchmark is None:
            from archcast.training.table import sample_functions

            return cls(sample_functions(space, SAMPLE, 0), None, "")
        if benchmark.space != space:
            raise InvalidInputError(
                f"--benchmark {benchmark.name}: it is of space {benchmark.space.name!r}, the supernet of {space.name!r}."
            )
        metric = "test_accuracy" if "test_accuracy" in benchmark.metrics else benchmark.default_metric
        values = benchmark.metrics[metric]
        known = np.isfinite(values)
        return cls(benchmark.archs[known], values[known], metric)

    def among(self, predictor: OneShotPredictor) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Which of the watched rows have an accuracy, and these."""
        watched = get_space(predictor.space).canonical(np.asarray(predictor.watch))
        if self.accuracy is None:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        known = dict(
            zip(map(bytes, get_space(predictor.space).canonical(self.rows)), self.accuracy.tolist(), strict=True)
        )
        values = np.array([known.get(bytes(row), np.nan) for row in watched])
        where = np.flatnonzero(np.isfinite(values))
        return where, values[where]


def diagnosed(predictor: OneShotPredictor, benchmark: Benchmark | None = None, trainings: int = 0) -> list[Section]:
    """The report of one predictor.

    Args:
        predictor: one that is initialised.
        benchmark: of its space; its accuracies are what the scores are compared with.
        trainings: of each derived architecture, alone, as the trainer does it for the data set; 0 for none.

    Raises:
        InvalidInputError: a benchmark of another space.
    """
    truth = _Truth.of(predictor, benchmark)
    scored, own = _scored(predictor, truth)
    sections = [_training(predictor), *_over_epochs(predictor, truth), scored, _size(predictor, truth, own)]
    if getattr(get_space(predictor.space), "operations", None):
        sections.append(_favours(get_space(predictor.space), truth, own))
    return [*sections, _derived(predictor, truth, trainings)]


def compared(predictors: Mapping[str, OneShotPredictor], benchmark: Benchmark) -> Section:
    """Several predictors side by side: how they rank, over epochs and by their dropout rate."""
    rows = [["supernet", "method", "dropout rate", "tau", "better half"]]
    rates, taus, curves = [], [], {}
    for label, predictor in predictors.items():
        truth = _Truth.of(predictor, benchmark)
        assert truth.accuracy is not None
        tau, half = _agreement(predictor.query(truth.rows).mean, truth.accuracy)
        rate = getattr(predictor, "rate", None)
        rows.append([label, predictor._title, "" if rate is None else f"{rate:g}", f"{tau:.3f}", f"{half:.3f}"])
        if rate is not None:
            rates.append(float(rate))
            taus.append(tau)
        if predictor.diary_:
            curves[label] = _taus(predictor, truth)

    def by_rate() -> Figure:
        figure, axes = _axes("dropout rate", "Kendall's tau")
        order = np.argsort(rates)
        axes.plot(np.array(rates)[order], np.array(taus)[order], "o-", color=INKS[0])
        return figure

    def by_epoch() -> Figure:
        figure, axes = _axes("epoch", "Kendall's tau")
        for number, (label, found) in enumerate(curves.items()):
            axes.plot(np.arange(1, len(found) + 1), found, color=INKS[number % len(INKS)], label=label)
        axes.legend(frameon=False)
        return figure

    figures = (*([by_rate] if len(set(rates)) > 1 else []), *([by_epoch] if curves else []))
    return Section("Supernets side by side", rows, figures)


def as_page(title: str, sections: list[Section]) -> str:
    """One HTML page that loads nothing from elsewhere."""
    body = [f"<h1>{text(title)}</h1>"]
    number = 0
    for section in sections:
        body.append(f"<h2>{text(section.title)}</h2>")
        for figure in section.figures:
            number += 1
            body.append(f"<figure>{svg(figure, f'one-shot-{number}')}</figure>")
        if section.rows:
            head, *lines = [
                "".join(f"<{tag}>{text(cell)}</{tag}>" for cell in row)
                for tag, row in zip(["th", *["td"] * len(section.rows)], section.rows)
            ]
            rows = "".join(f"<tr>{line}</tr>" for line in lines)
            table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
            body.append(f'<div class="scroll">{table}</div>')
        if section.note:
            body.append(f'<p class="soft">{text(section.note)}</p>')
    return page(title, body)


# -- the sections ------------------------------------------------------------------------------------------------------


def _agreement(scores: NDArray[np.float64], accuracy: NDArray[np.float64]) -> tuple[float, float]:
    """Kendall's tau among all, and among the better half."""
    half = accuracy >= np.median(accuracy)
    return tuple(float(kendalltau(a, b).statistic) for a, b in ((scores, accuracy), (scores[half], accuracy[half])))  # type: ignore[return-value]


def _marks(n: int) -> list[int]:
    """A few numbers from 0 to n - 1."""
    return sorted({0, n // 4, n // 2, 3 * n // 4, n - 1})


def _training(predictor: OneShotPredictor) -> Section:
    losses = predictor.losses_

    def draw() -> Figure:
        figure, axes = _axes("epoch", "training loss (nats)")
        axes.plot(np.arange(1, len(losses) + 1), losses, color=INKS[0])
        return figure

    rows = [["epoch", "loss"], *([str(k + 1), f"{losses[k]:.3f}"] for k in _marks(len(losses)))]
    return Section("Training loss", rows, (draw,) if len(losses) > 1 else ())


def _taus(predictor: OneShotPredictor, truth: _Truth) -> NDArray[np.float64]:
    """``(epochs,)`` tau of the watched rows, by the measure that the method takes, loss or accuracy."""
    where, accuracy = truth.among(predictor)
    name = "accuracy" if predictor.setting("measure") == "accuracy" else "loss"
    scores = predictor.diary_[name][:, where] * (1 if name == "accuracy" else -1)
    return np.array([kendalltau(one, accuracy).statistic for one in scores])


def _over_epochs(predictor: OneShotPredictor, truth: _Truth) -> list[Section]:
    """What the diary says."""
    diary, sections = predictor.diary_, []
    if not diary:
        return []
    epochs = np.arange(1, len(diary["loss"]) + 1)
    where, accuracy = truth.among(predictor)
    if len(where) > 1:
        found = {
            name: np.array([kendalltau(sign * one, accuracy).statistic for one in diary[name][:, where]])
            for name, sign in (("loss", -1), ("accuracy", 1))
        }

        def taus() -> Figure:
            figure, axes = _axes("epoch", "Kendall's tau with the stand-alone accuracy")
            for color, (name, values) in zip(INKS, found.items()):
                axes.plot(epochs, values, color=color, label=f"by {name}")
            axes.legend(frameon=False)
            return figure

        def scatter() -> Figure:
            figure, axes = _axes("stand-alone accuracy", "accuracy with shared weights")
            for color, k in ((GREY, len(epochs) // 4), (INKS[0], len(epochs) - 1)):
                axes.plot(accuracy, diary["accuracy"][k, where], ".", ms=4, color=color, label=f"epoch {k + 1}")
            axes.legend(frameon=False)
            return figure

        rows = [["epoch", "tau by loss", "tau by accuracy"]]
        rows += [[str(k + 1), f"{found['loss'][k]:.3f}", f"{found['accuracy'][k]:.3f}"] for k in _marks(len(epochs))]
        sections.append(Section(f"Agreement over epochs, {len(where)} architectures", rows, (taus, scatter)))
    if "weights" in diary:
        sections.append(_mixture(predictor, epochs))
    return sections


def _mixture(predictor: OneShotPredictor, epochs: NDArray[np.int64]) -> Section:
    """Eigenvalue, skips and nones, discretisation gap."""
    diary, net = predictor.diary_, predictor.trained().net
    derived = diary["derived"].astype(np.int64)
    skips, nones = net.shares(derived)
    gap = diary["derived_loss"] - diary["mixture_loss"]

    def shares() -> Figure:
        figure, axes = _axes("epoch", "share of the derived cell's edges")
        axes.plot(epochs, skips, color=INKS[0], label="skip")
        axes.plot(epochs, nones, color=INKS[1], label="none")
        axes.set_ylim(-0.05, 1.05)
        axes.legend(frameon=False)
        return figure

    def curvature() -> Figure:
        figure, axes = _axes("epoch", "largest eigenvalue of the Hessian in alpha")
        axes.plot(epochs, diary["eigenvalue"], color=INKS[2])
        return figure

    def gaps() -> Figure:
        figure, axes = _axes("epoch", "loss of the derived cell less that of the mixture (nats)")
        axes.plot(epochs, gap, color=INKS[3])
        return figure

    rows = [["epoch", "eigenvalue", "skips", "nones", "gap (nats)", "derived"]]
    for k in _marks(len(epochs)):
        shown = get_space(predictor.space).format(derived[k])[0]
        rows.append(
            [
                str(k + 1),
                f"{diary['eigenvalue'][k]:.3g}",
                f"{skips[k]:.0%}",
                f"{nones[k]:.0%}",
                f"{gap[k]:+.3f}",
                shown,
            ]
        )
    drawn = (shares, gaps, *([curvature] if np.isfinite(diary["eigenvalue"]).all() else []))
    return Section("The mixture over epochs, and what it would be made into", rows, drawn)


def _scored(predictor: OneShotPredictor, truth: _Truth) -> tuple[Section, NDArray[np.float64]]:
    """Every measure, and the scores by the method's own."""
    sizes = get_space(predictor.space).costs(truth.rows, task=predictor.task_)["params"]
    own, kept = predictor.setting("measure"), predictor.measure
    measures = ["loss", "accuracy", "divergence", "strength"]
    measures += ["likelihood"] if predictor.trained().learns_weights else []
    rows = [["measure", "least", "median", "most", "tau with params"]]
    rows[0] += [] if truth.accuracy is None else ["tau", "better half"]
    found = {}
    for measure in measures:
        found[measure] = scores = predictor.set_params(measure=measure).query(truth.rows).mean
        line = [measure, *(f"{value:.4g}" for value in np.quantile(scores, (0, 0.5, 1)))]
        line.append(f"{kendalltau(scores, sizes).statistic:.3f}")
        if truth.accuracy is not None:
            line += [f"{value:.3f}" for value in _agreement(scores, truth.accuracy)]
        rows.append(line)
    predictor.set_params(measure=kept)
    return Section(f"Scores of {len(truth.rows)} architectures; higher is better", rows), found[own]


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From -1, the lowest, to 1."""
    return np.asarray(2 * (rankdata(values) - 0.5) / len(values) - 1)


def _size(predictor: OneShotPredictor, truth: _Truth, scores: NDArray[np.float64]) -> Section:
    """Whether large networks are favoured: mean rank by quarter of size."""
    sizes = get_space(predictor.space).costs(truth.rows, task=predictor.task_)["params"]
    quarters = np.minimum((4 * (rankdata(sizes, method="ordinal") - 1) / len(sizes)).astype(int), 3)
    rank = _ranks(scores)
    rows = [["parameters", "architectures", "mean rank of the scores"]]
    rows[0] += [] if truth.accuracy is None else ["of the accuracies", "surplus"]
    for quarter in range(4):
        mine = quarters == quarter
        if not mine.any():
            continue
        line = [
            f"{sizes[mine].min():,.0f} to {sizes[mine].max():,.0f}",
            str(int(mine.sum())),
            f"{rank[mine].mean():+.2f}",
        ]
        if truth.accuracy is not None:
            real = _ranks(truth.accuracy)[mine].mean()
            line += [f"{real:+.2f}", f"{rank[mine].mean() - real:+.2f}"]
        rows.append(line)
    return Section("Size: from the smallest quarter to the largest", rows)


def _favours(space: Any, truth: _Truth, scores: NDArray[np.float64]) -> Section:
    """Mean rank by column and choice, less that of the truth where there is any."""
    rank = _ranks(scores)
    if truth.accuracy is not None:
        rank = rank - _ranks(truth.accuracy)
    names = list(space.operations)
    most = max(space.cardinalities)
    rows = [["decision", *(names if len(names) == most else map(str, range(most)))]]
    for column, name in enumerate(space.columns):
        cells = [rank[truth.rows[:, column] == choice] for choice in range(space.cardinalities[column])]
        line = [name, *(f"{part.mean():+.2f}" if len(part) else "" for part in cells)]
        rows.append(line + [""] * (len(rows[0]) - len(line)))
    title = (
        "Mean rank by operation" if truth.accuracy is None else "Mean rank by operation, less that of the accuracies"
    )
    return Section(title, rows)


def _derived(predictor: OneShotPredictor, truth: _Truth, trainings: int) -> Section:
    """What the method chooses, and how good that is alone."""
    space, regime = get_space(predictor.space), predictor.trained()
    known: dict[bytes, float] = {}
    if truth.accuracy is not None:
        known = dict(zip(map(bytes, space.canonical(truth.rows)), truth.accuracy.tolist(), strict=True))
    rows = [["by", "architecture", "path"]]
    rows[0] += ["stand-alone accuracy", "share that is better"] if known or trainings else []
    for by in ("score", *(["weights"] if regime.learns_weights else []), "perturbation"):
        row = predictor.derive(by)
        line = [by, space.format(row)[0], "yes" if regime.net.has_path(row[None])[0] else "none"]
        if known or trainings:
            value = known.get(bytes(space.canonical(row)[0]))
            if value is None and trainings:
                value = _alone(predictor, row, trainings)
            better = "" if value is None or truth.accuracy is None else f"{(truth.accuracy > value).mean():.1%}"
            line += ["not in the table" if value is None else f"{value:.3f}", better]
        rows.append(line)
    return Section("Derived architecture", rows)


def _alone(predictor: OneShotPredictor, row: NDArray[np.int64], trainings: int) -> float:
    """Mean test accuracy of so many trainings."""
    from archcast.training import Trainer, settings_for

    data = predictor.load_data()
    how = settings_for(data.name, get_space(predictor.space))
    how |= {name: value for name, value in predictor.task_.size.items() if name in how}
    trainer = Trainer(get_space(predictor.space), data, **how)
    return float(np.mean([run.test_accuracy for run in trainer.train_seeds(row, tuple(range(trainings)))]))


def _axes(x: str, y: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
