"""archcast.forecast: what may be given, what it answers, on which scale, and what it refuses."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.errors import InvalidInputError
from archcast.forecasting.figure import draw
from archcast.forecasting.metrics import show
from archcast.forecasting.page import whole_page

T = 30


def trainings(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    tops, rates = rng.uniform(0.5, 0.9, (n, 1)), rng.uniform(0.75, 0.9, (n, 1))
    return np.clip(tops * (1 - rates ** np.arange(1, T + 1)) + rng.normal(0, 0.004, (n, T)), 0, 1)


def begun(n: int = 6, done: int = 3) -> list[list[float]]:
    """Some finished trainings, then others of 4, 6, 8, ... epochs."""
    return [row[: T if i < done else 4 + 2 * (i - done)].tolist() for i, row in enumerate(trainings(n))]


def test_all_kinds_of_input_are_one():
    lists = begun()
    array = np.full((6, T), np.nan)
    for row, curve in zip(array, lists):
        row[: len(curve)] = curve
    names = [f"net-{i}" for i in range(6)]
    answers = [
        archcast.forecast(given, epochs=T, metric="val_accuracy")
        for given in (lists, array, dict(zip(names, lists)), pd.DataFrame(array, index=names), pd.DataFrame(array))
    ]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer.median, answers[0].median)
        np.testing.assert_array_equal(answer.interval(0.5), answers[0].interval(0.5))
    assert answers[2].runs == answers[3].runs == names
    assert answers[0].runs == answers[4].runs == [f"run {i}" for i in range(6)]
    assert answers[0].epochs_seen.tolist() == [T, T, T, 4, 6, 8]


def test_losses_are_accuracies_upside_down():
    lists = begun()
    up = archcast.forecast(lists, epochs=T, metric="val_accuracy")
    down = archcast.forecast([[1 - y for y in curve] for curve in lists], epochs=T, metric="val_error")
    np.testing.assert_allclose(down.median, 1 - up.median, rtol=1e-4)
    low, high = up.interval(0.9)
    np.testing.assert_allclose(down.interval(0.9), (1 - high, 1 - low), rtol=1e-3)
    np.testing.assert_allclose(down.above(0.3), up.above(0.7), atol=1e-3)
    assert down.advice == up.advice
    assert down.to_beat[0] == pytest.approx(1 - up.to_beat[0])
    loss = archcast.forecast([[3 * (1 - y) for y in curve] for curve in lists], epochs=T, metric="val_loss")
    assert (loss.interval(0.99)[0] >= 0).all()


def test_a_perplexity_is_the_exponential_of_a_loss():
    lists = [[4 * (1 - y) + 1 for y in curve] for curve in begun()]
    loss = archcast.forecast(lists, epochs=T, metric="val_loss", best=2.0)
    perplexity = archcast.forecast([np.exp(curve) for curve in lists], epochs=T, metric="val_ppl", best=np.exp(2.0))
    np.testing.assert_allclose(perplexity.median, np.exp(loss.median))
    np.testing.assert_allclose(perplexity.interval(0.9), np.exp(loss.interval(0.9)))
    np.testing.assert_allclose(perplexity.chance_above_best, loss.chance_above_best)
    np.testing.assert_allclose(perplexity.course[1], np.exp(loss.course[1]))
    assert perplexity.above(0.0).tolist() == [0] * 6
    assert (loss.interval(0.9)[0] <= loss.median).all()


def test_percent_is_told_by_any_value_and_stays_below_100():
    lists = begun()
    share = archcast.forecast(lists, epochs=T, metric="acc")
    percent = archcast.forecast([[100 * y for y in curve] for curve in lists], epochs=T, metric="acc")
    np.testing.assert_allclose(percent.median, 100 * share.median, rtol=1e-4)
    for factor, answer in ((1, share), (100, percent)):
        low, high = answer.interval(0.9999)
        assert (low >= 0).all()
        assert (high <= factor).all()


def test_a_lone_curve_below_one_percent_is_no_share_if_anything_says_so():
    curve = [0.1, 0.3, 0.5, 0.7, 0.9]
    share = archcast.forecast(curve, epochs=50, metric="val_acc")
    assert share.interval(0.9)[1][0] <= 1
    for told in ({"metric": "val_acc %"}, {"metric": "val_acc", "best": 40.0}, {"metric": "acc", "highest": 100}):
        answer = archcast.forecast(curve, epochs=50, **told)
        assert answer.interval(0.9)[1][0] > 1.5
    other = archcast.forecast([curve, [10.0, 30.0, 50.0, 60.0, 66.0]], epochs=50, metric="val_acc")
    assert other.interval(0.9)[1][0] > 1.5


def test_tiny_accuracies_are_shares_and_it_is_said():
    answer = archcast.forecast([0.001, 0.003, 0.004], epochs=50, metric="val_acc")
    assert "taken as shares of 1. If they are percentages, say highest=100 (--highest 100)" in answer.notes[-1]
    assert not archcast.forecast([0.001, 0.003], epochs=50, metric="val_acc", highest=1).notes


def test_finished_trainings_are_what_they_are():
    answer = archcast.forecast(begun(), epochs=T, metric="val_accuracy")
    for values in (answer.median, *answer.interval(0.9)):
        np.testing.assert_array_equal(values[:3], answer.last[:3])


def test_losses_that_fall_by_factors_are_forecast_by_their_logarithms():
    """Every loss falls by a constant share each epoch: five finished ones tell that the rate of fall goes on."""
    rates = np.linspace(0.095, 0.105, 9)[:, None]
    losses = np.exp(-rates * np.arange(1, 41) + np.random.default_rng(0).normal(0, 0.02, (9, 40)))
    answer = archcast.forecast([*losses[:6], *losses[6:, :20]], epochs=40, metric="train_loss")
    errors = np.abs(np.log(answer.median / losses[:, -1]))[6:]
    assert (errors < 0.3).all()
    twice = archcast.forecast([*(7 * losses[:6]), *(7 * losses[6:, :20])], epochs=40, metric="train_loss")
    np.testing.assert_allclose(twice.median, 7 * answer.median, rtol=1e-3)
    assert (answer.interval(0.9)[0] > 0).all()


def test_chances_follow_the_interval_and_the_advice_the_chance():
    answer = archcast.forecast(begun(), epochs=T, metric="val_accuracy")
    low, high = answer.interval(0.8)
    np.testing.assert_allclose(answer.above(low)[3:], 0.9, atol=1e-4)
    np.testing.assert_allclose(answer.above(high)[3:], 0.1, atol=1e-4)
    np.testing.assert_allclose(answer.above(answer.median)[3:], 0.5, atol=1e-4)
    best = max(curve[-1] for curve in begun()[:3])
    assert answer.to_beat.tolist() == [best] * 6
    for chance, advice, finished in zip(answer.chance_above_best, answer.advice, answer.finished):
        assert advice == ("finished" if finished else "stop" if chance < 0.1 else "go on")
    assert answer.chance_above_best[:3].tolist() == [0, 0, 0]
    hopeless = archcast.forecast(begun(), epochs=T, metric="val_accuracy", best=0.999)
    assert hopeless.advice == ["finished"] * 3 + ["stop"] * 3
    assert hopeless.epochs_needed == [None] * 6
    easy = archcast.forecast(begun(), epochs=T, metric="val_accuracy", best=0.2)
    assert easy.advice[3:] == ["go on"] * 3
    assert easy.chance_above_best[:3].tolist() == [1, 1, 1]
    assert [needed for needed, last in zip(easy.epochs_needed, easy.last) if last > 0.2] == [0] * int(
        (easy.last > 0.2).sum()
    )


def test_nothing_to_beat():
    alone = archcast.forecast(begun()[3], epochs=T, metric="val_accuracy")
    assert alone.rows()[0]["chance_above_best"] is None
    assert alone.advice == ["go on"]
    assert alone.epochs_needed == [T - 4]
    assert "nothing to beat" in alone.reasons[0]
    two = archcast.forecast([[0.1, 0.2, 0.25, 0.27, 0.28, 0.28, 0.28], [0.3, 0.6, 0.8]], epochs=T, metric="accuracy")
    assert two.to_beat.tolist() == [0.8, 0.28], "while none is finished: the best value of the others so far"
    assert two.advice == ["stop", "go on"]


def test_epochs_needed_is_when_the_median_passes_the_best():
    curve = (0.9 * (1 - 0.9 ** np.arange(1, 41))).tolist()
    answer = archcast.forecast(curve[:10], epochs=40, metric="accuracy", best=0.75)
    needed = answer.epochs_needed[0]
    assert needed is not None
    assert 3 <= needed <= 15, "the true curve passes .75 seven epochs later"
    assert answer.at(10 + needed).median[0] > 0.75
    with pytest.raises(InvalidInputError, match="epoch must be at most 40"):
        answer.at(41)


def test_a_divergence_stops():
    curves = [*begun(), [2.0, 1.0, float("inf"), float("inf")]]
    curves[-1] = [0.4, 0.5, float("-inf")]
    answer = archcast.forecast(curves, epochs=T, metric="val_accuracy")
    assert answer.advice[-1] == "stop"
    assert answer.chance_above_best[-1] == 0
    assert answer.reasons[-1] == "it diverged after epoch 2"
    spike = archcast.forecast([[0.4, float("inf"), 0.6]], epochs=T, metric="val_accuracy")
    assert spike.advice == ["go on"]
    assert spike.curves[0, :3].tolist() == [0.4, 0.5, 0.6]


def test_gaps_are_filled_and_said():
    answer = archcast.forecast({"a": [0.2, None, 0.4, float("nan"), 0.5]}, epochs=T, metric="acc")
    np.testing.assert_allclose(answer.curves[0, :5], [0.2, 0.3, 0.4, 0.45, 0.5])
    assert any("Gaps in a" in note for note in answer.notes)


def test_what_is_guessed_is_said():
    rising = archcast.forecast(begun())
    assert rising.epochs == T
    assert rising.metric.signal == "accuracy"
    assert any("rise, so higher is better" in note for note in rising.notes)
    assert any(f"taken to have {T} epochs" in note and "3 finished" in note for note in rising.notes)
    falling = archcast.forecast([[2.0, 1.0, 0.7], [2.0, 1.5]])
    assert falling.metric.falls
    assert archcast.forecast([[200.0, 300.0, 350.0], [2.0, 150.0]]).metric.signal == "score"
    cut = archcast.forecast([[0.1, 0.2, 0.3], [0.2, 0.3]], epochs=2, metric="acc")
    assert cut.median.tolist() == pytest.approx([0.2, 0.3], abs=1e-5)
    assert any("cut" in note for note in cut.notes)


@pytest.mark.parametrize(
    ("curves", "told", "message"),
    [
        ([], {}, "curves is empty"),
        ({"a": [float("nan")] * 3}, {"epochs": 9}, "'a' has no known value"),
        ([["x", 1]], {"epochs": 9}, "must be an array of numbers"),
        (3.0, {"epochs": 9}, "curves must be a list of lists"),
        ([[[1, 2]]], {"epochs": 9}, "list of numbers, got shape"),
        ([[0.1, 0.2]], {}, "cannot be told: the curve has 2 epochs. Give the number of epochs, for example epochs=50"),
        ([[0.1, 0.2], [0.1, 0.2]], {}, "all curves have 2 epochs"),
        ([[0.1, 0.1]], {"epochs": 9}, "which way is better cannot be told"),
        ([[0.1, 0.2], [0.2, 0.1]], {"epochs": 9}, "which way is better cannot be told"),
        ([[0.1, 0.2]], {"epochs": 9, "metric": "zeal"}, "'zeal' does not tell which way"),
        ([[0.1, 0.2]], {"epochs": 9, "better": "up"}, "better 'up'"),
        ([[0.1, 0.2]], {"epochs": 0}, "epochs must be a whole number of at least 1"),
        ([[0.1, 0.2]], {"epochs": 9, "best": float("nan")}, "best must be a finite number"),
        ([[0.1, 0.2]], {"epochs": 9, "metric": "acc", "highest": 50}, "highest must be 1 or 100"),
        ([[0.1, 0.2]], {"epochs": 9, "metric": "val_loss", "highest": 1}, "'val_loss' is a loss"),
        ([[1.5, 2.0]], {"epochs": 9, "metric": "acc", "highest": 1}, "a curve has larger values"),
    ],
)
def test_what_it_refuses(curves, told, message):
    with pytest.raises(InvalidInputError, match=message):
        archcast.forecast(curves, **told)


def test_the_same_seed_gives_the_same_answer():
    many = [row.tolist() for row in trainings(110)] + [row[:9].tolist() for row in trainings(3, 1)]
    one, two = (archcast.forecast(many, epochs=T, metric="acc") for _ in range(2))
    np.testing.assert_array_equal(one.median, two.median)


def test_intervals_hold():
    """Finished trainings of the same kind teach it: 90 % intervals hold about nine in ten."""
    held, n = 0, 0
    for seed in range(4):
        values = trainings(60, 10 + seed)
        answer = archcast.forecast([*values[:20].tolist(), *values[20:, :8].tolist()], epochs=T, metric="accuracy")
        low, high = answer.interval(0.9)
        held += int(((low < values[:, -1]) & (values[:, -1] < high))[20:].sum())
        n += 40
    assert 0.84 < held / n < 0.98


def test_faces(tmp_path):
    answer = archcast.forecast(dict(zip(["<a>", *"bcdef"], begun())), epochs=T, metric="val_accuracy")
    page = answer._repr_html_()
    assert "&lt;a&gt;" in page
    assert "<svg" in page
    assert page.count("<tr>") == 7
    assert page.index("<th>advice") < page.index("<th>now"), "what decides comes first"
    assert f"{answer.advice[3]}: d, {answer.reasons[3]}" in page
    assert repr(answer).startswith("Forecast(6 of val_accuracy after 30 epochs: 3 finished")
    figure = answer.plot(tmp_path / "fan.png")
    assert (tmp_path / "fan.png").stat().st_size > 10_000
    titles = [axis.get_title(loc="left") for axis in figure.axes if axis.get_title(loc="left")]
    assert [title.split(":")[0] for title in titles] == ["c", "d", "e", "f"][-3:]
    marks, quantiles = answer.course
    assert (np.diff(quantiles[:, 3, marks > 4], axis=0) >= 0).all(), "quantiles are in order"


def test_a_page_begins_with_what_is_open_and_has_panels_for_a_telephone():
    answer = archcast.forecast(dict(zip("abcdef", begun())), epochs=T, metric="val_accuracy")
    page = whole_page(answer)
    rows = re.findall(r"<tr><td>(\w)</td><td>([\w ]+)</td>", page)
    open_, done = answer.order
    assert [name for name, _ in rows] == [answer.runs[i] for i in (*open_, *done)]
    assert [advice == "finished" for _, advice in rows] == [False] * len(open_) + [True] * len(done)
    assert (np.diff(answer.chance_above_best[open_]) <= 0).all()
    assert (np.diff(answer.last[done]) <= 0).all()
    assert page.count("<svg") == 2
    assert page.index('class="wide"') < page.index('class="narrow"')
    assert len({axis.get_subplotspec().colspan.start for axis in draw(answer, 1).axes}) == 1


def test_of_many_trainings_the_likeliest_are_drawn():
    many = [row[:5].tolist() for row in trainings(30)]
    figure = archcast.forecast(many, epochs=T, metric="acc").plot()
    assert sum(axis.axison for axis in figure.axes) == 24


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.93214, "0.9321"), (93.214, "93.21"), (1234567.0, "1.23e+06"), (0.0, "0.000"), (2e-4, "0.000200")],
)
def test_numbers_are_short(value, text):
    assert show(value) == text


def test_quantiles_are_computed_once_and_not_once_for_each_run(monkeypatch):
    from archcast.predictors.learning_curve.distributions import Distribution

    counts, quantile = [], Distribution.quantile
    monkeypatch.setattr(Distribution, "quantile", lambda self, level: counts.append(level) or quantile(self, level))
    found = []
    for n in (2, 9):
        counts.clear()
        answer = archcast.forecast([[0.1, 0.2, 0.3]] * n + [[0.1, 0.2]] * n, epochs=3, metric="val_accuracy")
        assert len(answer.rows()) == 2 * n
        found.append(len(counts))
    assert found[0] == found[1]
