"""The front and the map of budgets, against brute force; what is drawn and what is written."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

import archcast
from archcast.errors import InvalidInputError
from archcast.evaluation.budget_map import draw_map
from archcast.evaluation.budgets import Budgets, options_of, round_steps
from archcast.reports.figures import COLORS

TIMES = st.sampled_from([1e-4, 0.02, 0.3, 1.0, 4.0, 70.0, 5e3])
TAUS = st.sampled_from([-0.2, 0.1, 0.3, 0.5, 0.51, 0.8])
OPTIONS = st.lists(st.tuples(TIMES, TIMES, TAUS), min_size=1, max_size=25)


def option(i, init, query, tau):
    name = f"p{i % 12}"
    return {"label": f"{name} @{i}", "predictor": name, "train_size": 10 + i, "epochs": i, "init_seconds": init,
            "query_seconds": query, "kendall_tau": tau}  # fmt: skip


def options(triples):
    return [option(i, *triple) for i, triple in enumerate(triples)]


def triple(one):
    return one["init_seconds"], one["query_seconds"], one["kendall_tau"]


@given(OPTIONS)
def test_front_by_brute_force(triples) -> None:
    budgets = Budgets.of(options(triples))
    found = [triple(one) for one in budgets.front]
    assert len(set(found)) == len(found), "of equal options one is kept"
    expected = {
        a for a in triples if not any(b != a and b[0] <= a[0] and b[1] <= a[1] and b[2] >= a[2] for b in triples)
    }
    assert set(found) == expected
    assert [(a, b) for a, b, _ in found] == sorted((a, b) for a, b, _ in found)


@given(OPTIONS)
def test_map_by_brute_force(triples) -> None:
    """Whoever is best among all that can be paid is on the map, though the map knows the front only."""
    budgets = Budgets.of(options(triples))
    assert budgets.best.shape == (len(budgets.query_seconds), len(budgets.init_seconds))
    for q, query in enumerate(budgets.query_seconds):
        for i, init in enumerate(budgets.init_seconds):
            paid = [tau for a, b, tau in triples if a <= init and b <= query]
            number = budgets.best[q, i]
            assert (number == -1) == (not paid)
            if paid:
                a, b, tau = triple(budgets.front[number])
                assert (a <= init, b <= query, tau) == (True, True, max(paid))
    assert budgets.best[-1, -1] >= 0, "the largest budgets pay for everything"
    assert triple(budgets.front[budgets.best[-1, -1]])[2] == max(tau for _, _, tau in triples)


@given(st.lists(st.floats(1e-5, 1e7), min_size=1, max_size=9))
def test_steps_are_round_and_enclose(seconds) -> None:
    steps = round_steps(np.array(seconds))
    assert steps[0] <= min(seconds)
    assert steps[-1] >= max(seconds)
    assert (steps > min(seconds)).sum() >= len(steps) - 1, "no more steps than needed"
    assert (steps < max(seconds)).sum() >= len(steps) - 1
    assert {f"{step:.0e}"[0] for step in steps} <= {"1", "2", "5"}
    assert set(np.round(np.diff(np.log10(steps)), 3)) <= {0.301, 0.398}


def test_options_count_training_and_computing() -> None:
    row = {"label": "a @2", "predictor": "a", "train_size": 8, "epochs": 2, "init_train_seconds": 100.0, "fit_seconds": 0.5,
           "query_train_seconds": 3.0, "query_ms": 20.0, "kendall_tau": 0.4, "spearman": 0.5}  # fmt: skip
    lost = [row | {"kendall_tau": math.nan}, row | {"init_train_seconds": math.nan}]
    (found,) = options_of([row, *lost])
    assert triple(found) == (100.5, 3.02, 0.4)
    assert (found["label"], found["predictor"], found["train_size"], found["epochs"]) == ("a @2", "a", 8, 2)


def test_what_trains_nothing_is_one_option() -> None:
    row = {"label": "free", "predictor": "free", "train_size": 32, "epochs": 0, "init_train_seconds": 0.0, "fit_seconds": 0.2,
           "query_train_seconds": 0.0, "query_ms": 0.1, "kendall_tau": 0.5}  # fmt: skip
    failed = row | {"train_size": 8, "kendall_tau": math.nan}
    dear = row | {"label": "dear", "init_train_seconds": 9.0}
    found = options_of([row | {"train_size": 100, "fit_seconds": 0.1}, row, failed, dear, dear | {"train_size": 100}])
    assert [(option["label"], option["train_size"]) for option in found] == [("free", 32), ("dear", 32), ("dear", 100)]


def test_map_is_drawn_as_it_is() -> None:
    budgets = Budgets.of(options([(0.5, 0.1, 0.2), (8.0, 0.1, 0.6), (0.5, 3.0, 0.5)]))
    axes = draw_map(budgets).axes[0]
    rectangles = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    shown = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    for q, query in enumerate(budgets.query_seconds):
        for i, init in enumerate(budgets.init_seconds):
            x, y = init * 1.01, query * 1.01
            inside = [
                r
                for r in rectangles
                if r.get_x() <= x < r.get_x() + r.get_width() and r.get_y() <= y < r.get_y() + r.get_height()
            ]
            number = budgets.best[q, i]
            assert len(inside) == (number >= 0)
            if inside:
                name = budgets.front[number]["predictor"]
                assert to_hex(inside[0].get_facecolor()).lower() == COLORS[shown.index(name)].lower()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "no option has" in draw_map(Budgets.of([])).axes[0].texts[0].get_text()


# -- whole runs --------------------------------------------------------------------------------------------------------


def run(tiny, kinds, folder=None, **settings):
    class Looks(kinds["Counts"]):
        """Uses every curve; noise that shrinks with the epochs."""

        def __init__(self, space, *, epochs=3, random_state=None):
            super().__init__(space, random_state=random_state)
            self.epochs = epochs

        @property
        def requires(self):
            return archcast.predictors.Requirements(epochs=self.epochs, uses=("curves", "proxies"))

    predictors = {"plain": kinds["Counts"]("nasbench201"), "looks": Looks("nasbench201")}
    settings = {"train_sizes": [5, 20], "test_size": 40, "trials": 2, "out": folder} | settings
    return archcast.evaluate(predictors, tiny, **settings)


def test_each_number_of_epochs_is_an_evaluation(tiny, kinds) -> None:
    results = run(tiny, kinds, epochs=[4, 2])
    rows = results.summary()[["predictor", "epochs", "train_size", "label", "trials"]].to_numpy().tolist()
    assert rows == [
        ["plain", 0, 5, "plain", 2],
        ["plain", 0, 20, "plain", 2],
        *(["looks", epochs, n, f"looks @{epochs}", 2] for epochs in (2, 4) for n in (5, 20)),
    ]
    by_row = {tuple(arch): i for i, arch in enumerate(tiny.archs.tolist())}
    calls = [call for call in kinds["Counts"].calls if call[2].curves]
    assert sorted({call[6].curves["val_loss"].shape[1] for call in calls}) == [2, 4]
    for archs, _, trained, pool, _, test, asked in calls:
        index, asked_index = ([by_row[tuple(arch)] for arch in rows.tolist()] for rows in (archs, test))
        for name, curve in tiny.curves.items():
            assert (trained.curves[name] == curve[index]).all(), "training rows have complete curves"
            seen = asked.curves[name].shape[1]
            assert (asked.curves[name] == curve[asked_index, :seen]).all()
        assert not pool.evidence.curves
        assert set(asked.proxies) == {"snip", "grasp"}
    frame = results.frame
    for epochs in (2, 4):
        spent = frame[frame["epochs"] == epochs]["query_train_seconds"]
        assert ((spent > 100 * epochs / 8) & (spent < 400 * epochs / 8)).all()
    assert (frame[frame["epochs"] == 0]["query_train_seconds"] == 0).all()


def test_a_run_with_budgets_writes_them(tiny, kinds, tmp_path) -> None:
    results = run(tiny, kinds, tmp_path / "out", budgets=True)
    assert sorted(set(results.frame["epochs"])) == [0, 1, 2, 4], "shares of eight epochs"
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    budgets = results.budgets()
    assert written["budgets"] == json.loads(json.dumps(budgets.rows()))
    assert {one["predictor"] for one in written["budgets"]["front"]} <= {"plain", "looks"}
    assert (tmp_path / "out" / "budgets.png").read_bytes()[:4] == b"\x89PNG"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "The best for each budget" in page
    front = page[page.index("no other is as cheap") :]
    assert front.split("</table>")[0].count("<tr>") == 1 + len(budgets.front)
    again = run(tiny, kinds, tmp_path / "out", budgets=True)
    assert (again.frame["fit_seconds"] == results.frame["fit_seconds"]).all(), "nothing ran again"


def test_without_budgets_nothing_is_said_of_them(tiny, kinds, tmp_path) -> None:
    run(tiny, kinds, tmp_path / "out")
    assert not (tmp_path / "out" / "budgets.png").exists()
    assert "budgets" not in json.loads((tmp_path / "out" / "results.json").read_text())
    assert "each budget" not in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": [2, 9]}, "epochs: 9 is too many, benchmark 'tiny' has curves of 8 epochs"),
        ({"epochs": [2, 2]}, r"epochs holds a number twice: \(2, 2\)"),
        ({"epochs": [0]}, "epochs must be a whole number of at least 1, got 0"),
    ],
)
def test_epochs_must_be_there(tiny, kinds, settings, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        run(tiny, kinds, **settings)


def test_times_must_be_known(tiny, kinds) -> None:
    bare = archcast.Benchmark("bare", tiny.space, tiny.archs, tiny.metrics, "acc")
    with pytest.raises(InvalidInputError, match="epochs: 2 is too many, benchmark 'bare' has no learning curves"):
        run(bare, kinds, epochs=[2])
    with pytest.raises(InvalidInputError, match="budgets: benchmark 'bare' does not know how long trainings take"):
        run(bare, kinds, budgets=True)
    assert run(bare, kinds).summary()["epochs"].unique().tolist() == [0], "a predictor that uses curves copes without"


def test_white2021_compares_budgets_where_it_can(tiny, kinds, monkeypatch) -> None:
    from dataclasses import replace

    from archcast.evaluation.presets import PRESETS

    small = replace(PRESETS["white2021"], train_sizes=(5, 8), test_size=40, trials=1)
    monkeypatch.setitem(PRESETS, "white2021", small)
    bare = archcast.Benchmark("bare", tiny.space, tiny.archs, tiny.metrics, "acc")
    asked = {"preset": "white2021", "train_sizes": None, "test_size": None, "trials": None}
    assert run(tiny, kinds, **asked).protocol["budgets"]
    assert not run(bare, kinds, **asked).protocol["budgets"]


def test_predictors_are_named_with_parameters(tiny) -> None:
    settings = {"train_sizes": [5], "test_size": 20, "trials": 1}
    names = ["random-forest:n_estimators=3", "random-forest:n_estimators=4:encoding=path"]
    results = archcast.evaluate(names, tiny, **settings)
    assert results.summary()["predictor"].tolist() == names
    described = results.protocol["predictors"]
    assert "n_estimators=3" in described[names[0]]
    assert "encoding='path'" in described[names[1]]
    with pytest.raises(InvalidInputError, match="should be a name, or name:parameter=value"):
        archcast.evaluate("random-forest:3", tiny, **settings)
    with pytest.raises(InvalidInputError, match="has no parameter 'trees'"):
        archcast.evaluate("random-forest:trees=3", tiny, **settings)
