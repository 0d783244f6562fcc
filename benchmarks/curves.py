"""How well the end of real learning curves is forecast from their beginning, and what early stopping that allows.

    ARCHCAST_DATA=/folder python benchmarks/curves.py [--predictors lc-pfn,lc-increment] [--complete 100] [--details]
    ARCHCAST_DATA=/folder python benchmarks/curves.py --early-stopping
    ARCHCAST_DATA=/folder python benchmarks/curves.py --command-line [--complete 100] [--early-stopping]
    python benchmarks/curves.py --architectures digits [--predictors ft-pfn,freeze-thaw] [--sizes 32,100] [--splits 6]

Every data set is on [0, 1], higher is better. 10, 25 and 50 % of the epochs of 60 curves, a fixed random choice, are seen and
the value of the last epoch is forecast; up to ``--complete`` other curves are given to ``init`` whole, with their last values
as scores. Kendall's tau-b, root mean squared error, mean log-likelihood (a mean and a std count as a normal distribution; no
curve counts less than -10), share of last values inside the 90 % interval, and processor milliseconds a curve at query. All
predictors of the family learning-curve take part that read a signal which the set has; all architectures are the same row,
so that only curves are told. ``last`` and ``best`` are the last and the best value so far.

With ``--early-stopping`` 60 trainings are run one after the other, in a few random orders. At 10, 25, 50 and 75 % of its
epochs a training is stopped if the probability that it ends above the best finished one is below 10 %. Saved is the share of
all epochs; regret is how far the best finished training is below the best of the 60, in standard deviations of the last
values. Predictors that learn from complete curves get those that were finished so far.

With ``--command-line`` the curves are written to a CSV and ``archcast forecast FILE --json`` answers: medians, 90 % intervals, and
with ``--early-stopping`` its advice.

With ``--architectures`` predictors see architectures too: those of a benchmark with curves. Validation accuracy after all
epochs is forecast after 2, 5 and 10 of them for 300 networks, with ``--sizes`` other networks and their whole curves at ``init``.
Means over random splits of the table, and the standard error of tau.

Data sets (those without a file are left out): Baker et al. 2018, ``lc_baker2018_curves.npz``: MetaQNN and ResNets on
CIFAR-10, LSTM on Penn Treebank (perplexity, scaled by its range); ``snn_cifar10_curves_{valacc,trainloss}.npz``: a space of
spiking networks.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau
from threadpoolctl import threadpool_limits

import archcast
from archcast.errors import ArchcastError
from archcast.forecasting.forecast import CHANCE
from archcast.predictors import PREDICTORS
from archcast.predictors.learning_curve.curves import CurvePredictor
from archcast.predictors.learning_curve.distributions import Distribution, StudentT
from archcast.predictors.learning_curve.lc_pfn import CurveForecaster

SPACE = archcast.get_space("nasbench201")
FRACTIONS, CHECKS = (0.1, 0.25, 0.5), (0.1, 0.25, 0.5, 0.75)
WORST = -10.0
Curves = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Row:
    """Figures of one predictor on one data set at one fraction; NaN where it has none."""

    tau: float
    rmse: float = np.nan
    likelihood: float = np.nan
    covered: float = np.nan
    milliseconds: float = 0.0


def data_sets(folder: Path) -> Iterator[tuple[str, Curves]]:
    """Name and curves of each data set, rows in a fixed random order."""
    baker, snn = folder / "lc_baker2018_curves.npz", folder / "snn_cifar10_curves_valacc.npz"
    loss = folder / "snn_cifar10_curves_trainloss.npz"
    found: list[tuple[str, Curves]] = []
    if baker.is_file():
        with np.load(baker) as file:
            perplexity = file["lstm_ptb"].astype(np.float64)
            found += [
                ("metaqnn", {"val_accuracy": file["metaqnn_cifar10"].astype(np.float64)}),
                ("resnets", {"val_accuracy": file["deep_resnets_cifar10"].astype(np.float64)}),
                ("lstm", {"val_accuracy": (perplexity.max() - perplexity) / np.ptp(perplexity)}),
            ]
    if snn.is_file() and loss.is_file():
        with np.load(snn) as file, np.load(loss) as other:
            whole = file["epochs_run"] == 100
            accuracy = file["curve"][whole] / (100 * float(file["scale"]))
            found.append(
                ("snn", {"val_accuracy": accuracy, "train_loss": other["curve"][whole] / float(other["scale"])})
            )
    for path in (baker, snn, loss):
        if not path.is_file():
            print(f"left out: no file {path.name} in $ARCHCAST_DATA", file=sys.stderr)
    for name, curves in found:
        order = np.random.default_rng(7).permutation(len(curves["val_accuracy"]))
        yield name, {signal: np.array(values[order], dtype=np.float64) for signal, values in curves.items()}


def evidence(curves: Curves, rows: Any, epochs: int | None = None) -> archcast.Evidence:
    """Some rows of all signals, cut after ``epochs``."""
    return archcast.Evidence({signal: values[rows, :epochs] for signal, values in curves.items()})


def same(n: int) -> NDArray[np.int64]:
    """``n`` times one architecture."""
    return np.full((n, len(SPACE.cardinalities)), 3)


def answer(predictor: CurvePredictor, given: archcast.Evidence) -> tuple[NDArray[np.float64], Distribution | None]:
    """Means, and the distribution if the predictor has an uncertainty."""
    if isinstance(predictor, CurveForecaster):
        found = predictor.forecast(same(len(given)), given)
        return found.mean, found
    one = predictor.query(same(len(given)), given)
    if one.std is None:
        return one.mean, None
    return one.mean, StudentT(one.mean, np.maximum(one.std, 1e-9), np.full(len(one.mean), 1e6))


def make(name: str, seen: int, total: int, curves: Curves, known: Any) -> CurvePredictor:
    """The predictor, initialised with the rows ``known`` of complete curves."""
    predictor = archcast.get_predictor(name, SPACE, random_state=0, epochs=seen, total_epochs=total)
    assert isinstance(predictor, CurvePredictor)
    whole = evidence(curves, known)
    return (
        predictor.init(same(len(whole)), whole.curves["val_accuracy"][:, -1], whole) if len(whole) else predictor.init()
    )


def figures(truth: NDArray[np.float64], mean: NDArray[np.float64], found: Distribution | None, spent: float) -> Row:
    """All figures of forecasts of ``(n,)`` last values."""
    tau = float(kendalltau(mean, truth)[0])
    rmse = float(np.sqrt(np.mean((mean - truth) ** 2)))
    milliseconds = 1000 * spent / len(truth)
    if found is None:
        return Row(tau, rmse, milliseconds=milliseconds)
    likelihood = float(np.maximum(found.log_density(truth), WORST).mean())
    low, high = found.interval(0.9)
    return Row(tau, rmse, likelihood, float(((truth > low) & (truth < high)).mean()), milliseconds)


def accuracy(names: list[str], curves: Curves, test: int, complete: int) -> dict[str, list[Row | str]]:
    """Predictor -> its row at each fraction, or why there is none."""
    values = curves["val_accuracy"]
    total, rows = values.shape[1], slice(test)
    known = slice(test, test + complete)
    truth = values[rows, -1]
    out: dict[str, list[Row | str]] = {"last": [], "best": [], **{name: [] for name in names}}
    for fraction in FRACTIONS:
        seen = max(1, round(fraction * total))
        out["last"].append(figures(truth, values[rows, seen - 1], None, 0.0))
        out["best"].append(figures(truth, values[rows, :seen].max(axis=1), None, 0.0))
        given = evidence(curves, rows, seen)
        for name in names:
            try:
                predictor = make(name, seen, total, curves, known)
                if predictor.signal not in curves:
                    raise ArchcastError(f"the set has no {predictor.signal}")
                predictor.query(same(2), given[:2])  # imports
                start = time.process_time()
                mean, found = answer(predictor, given)
                row = figures(truth, mean, found, time.process_time() - start)
                same_scale = predictor.signal == "val_accuracy"
                out[name].append(row if same_scale else Row(row.tau, milliseconds=row.milliseconds))
            except ArchcastError as error:
                out[name].append(str(error))
    return out


def command_line(values: NDArray[np.float64], seen: list[int]) -> list[dict[str, Any]]:
    """What ``archcast forecast`` answers about ``(n, epochs)`` curves of which ``(n,)`` epochs are seen."""
    from typer.testing import CliRunner

    from archcast.cli import app

    total = values.shape[1]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "curves.csv"
        lines = [",".join(["run", *map(str, range(1, total + 1))])]
        for i, (row, k) in enumerate(zip(values.tolist(), seen)):
            lines.append(",".join([f"run-{i}", *map(repr, row[:k]), *[""] * (total - k)]))
        path.write_text("\n".join(lines) + "\n")
        arguments = ["forecast", str(path), "--epochs", str(total), "--metric", "val_accuracy", "--json"]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def accuracy_of_command(curves: Curves, test: int, complete: int) -> dict[str, list[Row | str]]:
    """As :func:`accuracy`, of the command line."""
    values = curves["val_accuracy"][: test + complete]
    total, truth, out = values.shape[1], values[:test, -1], []
    for fraction in FRACTIONS:
        start = time.process_time()
        rows = command_line(values, [max(1, round(fraction * total))] * test + [total] * (len(values) - test))[:test]
        spent = time.process_time() - start
        median, low, high = (np.array([row[key] for row in rows]) for key in ("median", "low90", "high90"))
        row = figures(truth, median, None, spent)
        covered = float(((truth >= low) & (truth <= high)).mean())
        out.append(Row(row.tau, row.rmse, covered=covered, milliseconds=row.milliseconds))
    return {"archcast forecast": out}


def early_stopping(name: str, curves: Curves, n: int, orders: int) -> tuple[float, float]:
    """Share of epochs saved and regret in standard deviations, mean over random orders of the first ``n`` curves.

    ``name`` is a predictor, or ``"archcast forecast"`` for the advice of the command line.
    """
    values = curves["val_accuracy"][:n]
    total, last = values.shape[1], values[:, -1]
    seen = [max(1, round(share * total)) for share in CHECKS]
    saved, regret = [], []
    for seed in range(orders):
        finished: list[int] = []
        spent = 0
        for i in np.random.default_rng(seed).permutation(n):
            stop = None
            for epochs in seen if finished else []:
                if name == "archcast forecast":
                    rows = command_line(values[[*finished, i]], [total] * len(finished) + [epochs])
                    if rows[-1]["advice"] == "stop":
                        stop = epochs
                        break
                    continue
                predictor = make(name, epochs, total, curves, finished)
                _, found = answer(predictor, evidence(curves, [i], epochs))
                if found is not None and found.above(last[finished].max())[0] < CHANCE:
                    stop = epochs
                    break
            spent += stop or total
            if stop is None:
                finished.append(int(i))
        saved.append(1 - spent / (n * total))
        regret.append((last.max() - last[finished].max()) / last.std())
    return float(np.mean(saved)), float(np.mean(regret))


@dataclass(frozen=True)
class Table:
    """Networks of a benchmark with whole curves of validation accuracy on [0, 1]."""

    space: archcast.SearchSpace
    archs: NDArray[np.int64]
    curves: NDArray[np.float64]

    @classmethod
    def of(cls, name: str) -> Table:
        """Those of a benchmark."""
        benchmark = archcast.load_benchmark(name)
        curves = benchmark.curves["val_accuracy"]
        whole = np.isfinite(curves).all(axis=1)
        share = 100.0 if np.nanmax(curves) > 1 else 1.0
        return cls(benchmark.space, benchmark.archs[whole], curves[whole] / share)

    def row(self, name: str, n: int, epochs: int, seed: int, test: int = 300) -> Row:
        """Figures of a predictor, or of ``last``, on one split after so many epochs."""
        order = np.random.default_rng(seed).permutation(len(self.archs))
        known, asked = order[:n], order[n : n + test]
        truth, begun = self.curves[asked, -1], self.curves[asked, :epochs]
        if name == "last":
            return figures(truth, begun[:, -1], None, 0.0)
        total = self.curves.shape[1]
        predictor = archcast.get_predictor(name, self.space, random_state=seed, epochs=epochs, total_epochs=total)
        start = time.process_time()
        told = archcast.Evidence({"val_accuracy": self.curves[known]})
        predictor.init(*((self.archs[known], self.curves[known, -1], told) if n else ()))
        one = predictor.query(self.archs[asked], archcast.Evidence({"val_accuracy": begun}))
        spent = time.process_time() - start
        if one.std is None:
            return figures(truth, one.mean, None, spent)
        normal = StudentT(one.mean, np.maximum(one.std, 1e-9), np.full(len(truth), 1e6))
        return figures(truth, one.mean, normal, spent)


def with_architectures(table: Table, names: list[str], sizes: list[int], splits: int) -> None:
    """Print a line for each predictor and number of networks at init: means over splits after 2, 5 and 10 epochs."""
    print(f"{'':<24}{'n':<6}{'tau':<20}{'± ':<20}{'RMSE':<24}{'in 90 %':<18}s a split")
    for n in sizes:
        for name in names:
            try:
                rows = [[table.row(name, n, epochs, seed) for seed in range(splits)] for epochs in (2, 5, 10)]
            except ArchcastError as error:
                print(f"{name}: {error}", file=sys.stderr)
                continue
            tau = np.array([[row.tau for row in at] for at in rows])
            error = tau.std(axis=1, ddof=1) / np.sqrt(splits) if splits > 1 else np.zeros(3)
            others = [
                np.mean([[getattr(row, key) for row in at] for at in rows], axis=1) for key in ("rmse", "covered")
            ]
            seconds = np.mean([row.milliseconds for at in rows for row in at]) * 300 / 1000
            parts = [
                "/".join("-" if np.isnan(v) else f"{v:.{digits}f}" for v in values)
                for values, digits in zip((tau.mean(axis=1), error, *others), (3, 3, 4, 2))
            ]
            print(f"{name:<24}{n:<6}{parts[0]:<20}{parts[1]:<20}{parts[2]:<24}{parts[3]:<18}{seconds:.2f}", flush=True)


def participants() -> list[str]:
    """The predictors of the registry that look at nothing but curves."""
    return [name for name in PREDICTORS.names() if PREDICTORS.entry(name).info.get("family") == "learning-curve"]


def print_accuracy(results: dict[str, dict[str, list[Row | str]]], details: bool) -> None:
    """Means over the data sets, then each data set."""
    fields = ("tau", "rmse", "likelihood", "covered", "milliseconds")

    def line(title: str, rows: list[list[Row]]) -> str:
        groups = []
        for field, digits in zip(fields, (3, 4, 2, 2, 2)):
            values = [np.mean([getattr(row, field) for row in at]) for at in rows]
            groups.append("/".join("-" if np.isnan(value) else f"{value:.{digits}f}" for value in values))
        return f"{title:<24}{groups[0]:<20}{groups[1]:<24}{groups[2]:<20}{groups[3]:<18}{groups[4]}"

    print(f"{'':<24}{'tau':<20}{'RMSE':<24}{'log-likelihood':<20}{'in 90 %':<18}ms a curve")
    for name in dict.fromkeys(name for rows in results.values() for name in rows):
        sets = {title: rows[name] for title, rows in results.items() if all(isinstance(r, Row) for r in rows[name])}
        for title, rows in results.items():
            if title not in sets:
                print(f"{name}: not on {title}: {next(r for r in rows[name] if isinstance(r, str))}", file=sys.stderr)
        if sets:
            kept = [[row for row in at if isinstance(row, Row)] for at in zip(*sets.values())]
            print(line(f"{name} ({len(sets)} sets)", kept))
            for title, rows in sets.items() if details else ():
                print(line(f"    {title}", [[row] for row in rows if isinstance(row, Row)]))


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--predictors", help="names, joined by commas; all by default, lc-pfn and lc-increment for early stopping"
    )
    parser.add_argument("--test", type=int, default=60, help="curves that are forecast")
    parser.add_argument("--complete", type=int, default=100, help="complete curves that init gets")
    parser.add_argument("--details", action="store_true", help="also each data set")
    parser.add_argument("--early-stopping", action="store_true")
    parser.add_argument("--command-line", action="store_true", help="archcast forecast in place of predictors")
    parser.add_argument("--sets", help="names of data sets, joined by commas; all by default")
    parser.add_argument("--orders", type=int, default=3, help="random orders of the trainings")
    parser.add_argument("--architectures", help="name of a benchmark with curves")
    parser.add_argument("--sizes", default="32,100", help="with --architectures: networks that init gets")
    parser.add_argument("--splits", type=int, default=6, help="with --architectures: random splits")
    options = parser.parse_args()
    if options.architectures:
        names = (options.predictors or "last,lc-pfn,lc-increment,dpl,freeze-thaw,ft-pfn").split(",")
        with threadpool_limits(1):
            sizes = [int(size) for size in options.sizes.split(",")]
            with_architectures(Table.of(options.architectures), names, sizes, options.splits)
        return
    if "ARCHCAST_DATA" not in os.environ:
        sys.exit("Set ARCHCAST_DATA to a folder with the files that are named in --help.")
    sets = list(data_sets(Path(os.environ["ARCHCAST_DATA"])))
    if options.sets:
        sets = [(title, curves) for title, curves in sets if title in options.sets.split(",")]
    with threadpool_limits(1):
        if options.early_stopping:
            print(f"{'':<24}{'set':<12}{'saved':<8}regret")
            default = "archcast forecast" if options.command_line else "lc-pfn,lc-increment"
            for name in (options.predictors or default).split(","):
                rows = [early_stopping(name, curves, options.test, options.orders) for _, curves in sets]
                for title, (saved, regret) in zip(
                    [title for title, _ in sets] + ["mean"], [*rows, np.mean(rows, axis=0)]
                ):
                    print(f"{name:<24}{title:<12}{saved:<8.3f}{regret:.4f}")
            return
        if options.command_line:
            answers = {title: accuracy_of_command(curves, options.test, options.complete) for title, curves in sets}
            print_accuracy(answers, options.details)
            return
        names = options.predictors.split(",") if options.predictors else participants()
        results = {title: accuracy(names, curves, options.test, options.complete) for title, curves in sets}
    print_accuracy(results, options.details)


if __name__ == "__main__":
    main()
