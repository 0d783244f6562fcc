"""The protocol: paired, honest, resumable, failing aloud."""

from __future__ import annotations

import dataclasses
import json
import math
import os

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

import archcast
from archcast.errors import ArchcastError, InvalidFileError, InvalidInputError, UnknownNameError
from archcast.evaluation import PRESETS, default_predictors
from archcast.evaluation.trial import COLUMNS
from archcast.evaluation.untrained import default_proxies

SPACE = "nasbench201"
TIMES = ["fit_seconds", "query_ms"]


def untimed(results) -> pd.DataFrame:
    return results.frame.drop(columns=TIMES)


def read(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "results.csv", float_precision="round_trip")


# -- what a trial is ---------------------------------------------------------------------------------------------------


def test_every_predictor_gets_the_same_trial(tiny, kinds) -> None:
    a, b = kinds["Counts"](SPACE), kinds["Counts"](SPACE, ridge=9.0)
    archcast.evaluate({"a": a, "b": b}, tiny, train_sizes=[5, 20], test_size=60, trials=3, evidence=True)
    calls = kinds["Counts"].calls
    assert len(calls) == 12
    for one, two in zip(calls[::2], calls[1::2]):
        for left, right in zip(one[:2] + one[5:6], two[:2] + two[5:6]):
            assert (left == right).all()
        assert one[4] == two[4], "seeds are paired"
        assert (one[3].archs == two[3].archs).all()
        assert (one[2].proxies["snip"] == two[2].proxies["snip"]).all()
    shared = set(map(bytes, calls[0][5])) & set(map(bytes, calls[2][5]))
    assert len(shared) > 40, "train sizes of a trial share the test rows that both may be tested on"
    assert not (calls[0][5] == calls[4][5]).all(), "another one in the next trial"
    assert len({call[4] for call in calls}) == 6, "a seed for each trial and train size"


def test_mutations_of_the_best_as_a_test_set(tiny, kinds) -> None:
    results = archcast.evaluate(
        {"a": kinds["Counts"](SPACE)}, tiny, train_sizes=[40], test_size=20, test="mutations", trials=2
    )
    space = archcast.get_space(SPACE)
    for archs, scores, _, _, _, test, _ in kinds["Counts"].calls:
        best = archs[np.argsort(-scores)[:5]]
        assert len(test) == 20
        near = [row for row in space.enumerate() if ((row != best).sum(axis=1) <= 3).any()]
        assert set(map(bytes, space.canonical(test))) <= set(map(bytes, space.canonical(near)))
        assert not set(map(bytes, space.canonical(test))) & set(map(bytes, space.canonical(archs)))
    assert results.protocol["test"] == "mutations"
    html = results.to_html()
    assert "ranks up to 20 mutations of the best of them" in html
    assert "mutations of the best training architectures" in html


def test_nothing_leaks(tiny, kinds) -> None:
    """No scores but the training ones, no curves unless required, no function on both sides, evidence in line."""
    archcast.evaluate({"a": kinds["Counts"](SPACE)}, tiny, train_sizes=[40], test_size=100, trials=4, evidence=True)
    rows = {tuple(arch): i for i, arch in enumerate(tiny.archs.tolist())}
    for archs, scores, evidence, pool, _, test, asked in kinds["Counts"].calls:
        index = [rows[tuple(arch)] for arch in archs.tolist()]
        asked_index = [rows[tuple(arch)] for arch in test.tolist()]
        assert (tiny.scores()[index] == scores).all()
        assert min(index + asked_index) >= 20, "architectures without a score are in no set"
        forms = {tuple(form) for form in tiny.space.canonical(archs).tolist()}
        assert not forms & {tuple(form) for form in tiny.space.canonical(test).tolist()}
        assert not evidence.curves
        assert not asked.curves
        assert (tiny.proxies["grasp"][index] == evidence.proxies["grasp"]).all()
        assert (tiny.proxies["grasp"][asked_index] == asked.proxies["grasp"]).all()
        assert (tiny.costs["ms"][asked_index] == asked.costs["ms"]).all()
        pool_index = [rows[tuple(arch)] for arch in pool.archs.tolist()]
        assert sorted(pool_index) == list(range(300))
        assert (tiny.proxies["snip"][pool_index] == pool.evidence.proxies["snip"]).all()


def test_no_evidence_unless_asked_for_or_required(tiny, kinds) -> None:
    archcast.evaluate([kinds["Counts"](SPACE)], tiny, train_sizes=[5], test_size=20, trials=1)
    *_, asked = kinds["Counts"].calls[0]
    assert not kinds["Counts"].calls[0][2]
    assert not asked
    results = archcast.evaluate([kinds["Curves"](SPACE)], tiny, train_sizes=[5], test_size=20, trials=1)
    archs, _, given, pool, _, test, asked = kinds["Counts"].calls[1]
    assert given.curves["train_loss"].shape == (5, 8), "training architectures were trained to the end"
    assert asked.curves["train_loss"].shape == (20, 2), "the others as long as the predictor pays for"
    assert set(given.curves) == {"train_loss"}
    assert set(asked.proxies) == {"snip"}
    assert not pool.evidence.curves
    rows = {tuple(arch): i for i, arch in enumerate(tiny.archs.tolist())}
    spent = sum(tiny.train_seconds[rows[tuple(arch)]] for arch in archs.tolist())
    row = results.rows()[0]
    assert row["init_train_seconds"] == pytest.approx(spent)
    full = np.mean([tiny.train_seconds[rows[tuple(arch)]] for arch in test.tolist()])
    assert row["query_train_seconds"] == pytest.approx(full * 2 / 8)


def test_measures_are_those_of_the_predictions(tiny, kinds) -> None:
    predictor = kinds["Counts"](SPACE)
    results = archcast.evaluate([predictor], tiny, train_sizes=[30], test_size=100, trials=2, metric="other")
    for row, call in zip(results.rows(), kinds["Counts"].calls):
        truth = dict(zip(map(tuple, tiny.archs.tolist()), tiny.scores("other")))
        mean = kinds["Counts"](SPACE).init(call[0], call[1]).query(call[5]).mean
        expected = kendalltau([truth[tuple(arch)] for arch in call[5].tolist()], mean).statistic
        assert row["kendall_tau"] == pytest.approx(expected, abs=1e-12)
        assert row["fit_seconds"] > 0
        assert row["query_ms"] > 0
        assert row["test_size"] == 100
        assert row["error"] == ""
    assert not hasattr(predictor, "n_features_in_"), "the caller's predictor is left alone"


# -- failures ----------------------------------------------------------------------------------------------------------


def test_failures_are_kept_with_their_reason(tiny, kinds) -> None:
    names = ["Fails", "FailsAtQuery", "Constant", "NotFinite", "WrongShape", "Counts"]
    results = archcast.evaluate({n: kinds[n](SPACE) for n in names}, tiny, train_sizes=[10], test_size=20, trials=2)
    reasons = results.summary().set_index("predictor")["reason"].to_dict()
    assert reasons == {
        "Fails": "ValueError: no luck today",
        "FailsAtQuery": "MissingEvidenceError: needs more",
        "Constant": "rank correlation is undefined: all predictions are equal",
        "NotFinite": "query returned 2 of 20 predictions that are not finite",
        "WrongShape": "query returned shape (19,) for 20 architectures",
        "Counts": "",
    }
    for row in results.summary_rows():
        assert row["trials"] == 2
        assert row["failed"] == (0 if row["predictor"] == "Counts" else 2)
        assert math.isnan(row["kendall_tau"]) == (row["predictor"] != "Counts")


def test_a_predictor_that_lacks_evidence_fails_alone(kinds, tiny) -> None:
    bare = archcast.Benchmark("bare", tiny.space, tiny.archs, tiny.metrics, "acc")
    results = archcast.evaluate(
        {"c": kinds["Curves"](SPACE), "a": kinds["Counts"](SPACE)}, bare, train_sizes=[5], trials=1
    )
    assert "MissingEvidenceError: Curves needs evidence.proxies['snip']" in results.summary()["reason"][0]
    assert results.summary()["failed"].tolist() == [1, 0]


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_sizes": [150], "test_size": 100},
            r"train_sizes: 150 is too large for benchmark 'tiny': 280 architectures have a score",
        ),
        ({"train_sizes": [10, 1000]}, "train_sizes: 1000 is too large"),
        ({"test_size": 280}, "train_sizes: 10 is too large"),
        ({"train_sizes": [0]}, "train_sizes must be a whole number of at least 1, got 0"),
        ({"train_sizes": [2.5]}, r"train_sizes must be a whole number of at least 1, got 2\.5"),
        ({"train_sizes": [5, 5]}, "train_sizes holds a size twice"),
        ({"test_size": 1}, "test_size must be a whole number of at least 2, got 1"),
        ({"test_size": "all"}, "test_size must be a whole number of at least 2, got 'all'"),
        ({"trials": 0}, "trials must be a whole number of at least 1, got 0"),
        ({"jobs": 0}, "jobs must be a number of worker processes, or -1"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"preset": "white2020"}, "Unknown preset 'white2020'. Did you mean 'white2021'"),
        ({"preset": "suite-zero", "test_size": 100}, "preset 'suite-zero' fixes test_size at 200, got 100"),
        ({"preset": "white2021", "trials": 101}, "preset 'white2021' has 100 trials, got 101"),
        ({"test": "mutation"}, "Unknown test 'mutation'. Did you mean 'mutations'"),
        ({"test": "mutations", "test_size": "rest"}, "test 'mutations' does not go with test_size 'rest'"),
        ({"test": "mutations", "preset": "suite-zero"}, "preset 'suite-zero' fixes test at random, got mutations"),
        (
            {"test": "mutations", "test_size": 200},
            "and [0-9]+ mutations of the best training architectures to test on",
        ),
        ({"preset": "tnasp"}, "preset 'tnasp' leaves the train size to you"),
        ({"metric": "accuracy"}, "Unknown metric 'accuracy' of benchmark 'tiny'"),
        ({"encoding": "adjacent"}, "Unknown encoding 'adjacent'. Did you mean 'adjacency'"),
        ({"predictors": []}, "predictors is empty"),
        ({"predictors": ["params"]}, "'params' is a proxy, not a predictor: give it as proxies='params'"),
        ({"predictors": ["random-forrest"]}, "Unknown predictor 'random-forrest'. Did you mean 'random-forest'"),
        ({"predictors": ["random-forest", "random-forest"]}, "predictors holds 'random-forest' twice"),
        ({"predictors": [3]}, "predictors must hold names or Predictor objects, got int"),
        ({"benchmark": "tinny"}, "Unknown benchmark 'tinny'"),
        ({"evidence": archcast.Evidence(proxies={"a": [1.0]})}, "evidence has 1 rows, benchmark 'tiny' has 300"),
        ({"evidence": "absent.csv"}, "No file 'absent.csv'"),
    ],
)
def test_wrong_settings_run_nothing(tiny, kinds, tmp_path, changes, message) -> None:
    settings = {"predictors": {"a": kinds["Counts"](SPACE)}, "benchmark": tiny, "out": tmp_path / "out", **changes}
    with pytest.raises(ArchcastError, match=message):
        archcast.evaluate(settings.pop("predictors"), settings.pop("benchmark"), **settings)
    assert not (tmp_path / "out").exists()
    assert not kinds["Counts"].calls


def test_predictor_of_another_space(tiny) -> None:
    predictor = archcast.get_predictor("random-forest", "nats-size")
    with pytest.raises(
        InvalidInputError, match="'random-forest' is for space 'nats-size', the benchmark's is 'nasbench201'"
    ):
        archcast.evaluate(predictor, tiny)


def test_published_evidence_must_be_there(tiny) -> None:
    bare = archcast.Benchmark("bare", tiny.space, tiny.archs, tiny.metrics, "acc")
    with pytest.raises(InvalidInputError, match="nothing is published with benchmark 'bare'"):
        archcast.evaluate("random-forest", bare, evidence=True)


def test_presets_are_exact(tiny, kinds) -> None:
    p = PRESETS["white2021"]
    assert p.train_sizes == (5, 8, 14, 24, 42, 71, 121, 205, 347, 589, 1000)
    assert (p.test_size, p.trials) == (200, 100)
    assert (PRESETS["suite-zero"].train_sizes, PRESETS["suite-zero"].test_size) == ((400,), 200)
    results = archcast.evaluate({"a": kinds["Counts"](SPACE)}, tiny, preset="tnasp", train_sizes=[20], trials=2)
    for archs, *_, test, _ in kinds["Counts"].calls:
        forms = {tuple(form) for form in tiny.space.canonical(archs).tolist()}
        others = [tuple(form) not in forms for form in tiny.space.canonical(tiny.archs[20:]).tolist()]
        assert len(test) == sum(others)
    assert results.protocol["preset"] == "tnasp"


def test_splits_of_tnasp_rank_the_whole_table(tiny, kinds, monkeypatch) -> None:
    p = PRESETS["tnasp-splits"]
    assert p.spaces["nasbench201"] == (78, 156, 469, 781, 1563)
    assert p.spaces["nasbench101"] == (100, 172, 424, 4236)
    monkeypatch.setitem(PRESETS, "tnasp-splits", dataclasses.replace(p, spaces={"nasbench201": (15, 30)}))
    kinds["Counts"].calls.clear()
    results = archcast.evaluate({"a": kinds["Counts"](SPACE)}, tiny, preset="tnasp-splits", trials=1)
    assert results.protocol["train_sizes"] == (15, 30)
    assert [len(test) for *_, test, _ in kinds["Counts"].calls] == [280, 280]
    assert "the whole table" in results.to_html()
    assert "training architectures too" in results.to_html()
    with pytest.raises(InvalidInputError, match="preset 'tnasp-splits' fixes train_sizes"):
        archcast.evaluate({"a": kinds["Counts"](SPACE)}, tiny, preset="tnasp-splits", train_sizes=[20])
    monkeypatch.setitem(PRESETS, "tnasp-splits", dataclasses.replace(p, spaces={}))
    with pytest.raises(InvalidInputError, match="leaves the train size to you"):
        archcast.evaluate({"a": kinds["Counts"](SPACE)}, tiny, preset="tnasp-splits")


def test_encoding_is_given_to_those_that_take_one(tiny, kinds) -> None:
    results = archcast.evaluate(kinds["Counts"](SPACE), tiny, encoding="adjacency", train_sizes=[5], trials=1)
    assert "encoding='adjacency'" in results.protocol["predictors"]["Counts"]

    class Plain(kinds["Counts"]):
        def __init__(self, space, *, random_state=None):
            super().__init__(space, random_state=random_state)

        @classmethod
        def _get_param_names(cls):
            return ["random_state", "space"]

    with pytest.raises(InvalidInputError, match="none of the predictors a takes an encoding"):
        archcast.evaluate({"a": Plain(SPACE)}, tiny, encoding="adjacency")
    with pytest.raises(UnknownNameError):
        archcast.evaluate("random-forest", tiny, encoding="nope")


def test_defaults(tiny, kinds) -> None:
    results = archcast.evaluate(kinds["Counts"](SPACE), tiny)
    assert sorted(set(results.frame["train_size"])) == [10, 32, 100]
    assert set(results.frame["trial"]) == set(range(5))
    distinct = len(np.unique(tiny.space.canonical(tiny.archs[20:]), axis=0))
    assert set(results.frame["test_size"]) == {distinct // 2}


def test_default_predictors_are_those_that_the_benchmark_can_feed(tiny) -> None:
    fed = archcast.Benchmark(
        "fed",
        SPACE,
        tiny.archs,
        tiny.metrics,
        "acc",
        curves={"train_loss": np.ones((len(tiny), 8))},
        proxies=tiny.proxies,
    )
    blind = dataclasses.replace(fed, curves={})
    assert {"stack", "sotl-e", "omni+", "omni"} <= set(default_predictors(fed))
    assert "early-stop" not in default_predictors(fed), "it needs a validation accuracy"
    assert {"stack"} <= set(default_predictors(blind))
    assert not {"sotl-e", "omni+", "omni"} & set(default_predictors(blind))
    assert default_proxies(
        dataclasses.replace(blind, proxies={"nwot": np.ones(len(tiny)), "mine": np.ones(len(tiny))})
    ) == ["nwot"]


# -- files and resuming ------------------------------------------------------------------------------------------------


def test_interrupted_equals_uninterrupted(tiny, kinds, tmp_path) -> None:
    settings = {"train_sizes": [5, 10], "test_size": 50, "trials": 3}
    seen = []
    predictors = {"a": kinds["Interrupts"](SPACE), "b": kinds["Counts"](SPACE)}
    with pytest.raises(KeyboardInterrupt):
        archcast.evaluate(predictors, tiny, **settings, out=tmp_path, progress=seen.append)
    assert [p.done for p in seen] == [0, 1, 2, 3, 4]
    assert seen[0].total == 12
    kept = read(tmp_path)
    assert len(kept) == 4
    assert not (tmp_path / "report.html").exists()
    with (tmp_path / "results.csv").open("a") as file:
        file.write("a,5,2,50,0.12")  # cut off in the middle of a row
    seen.clear()
    continued = archcast.evaluate(predictors, tiny, **settings, out=tmp_path, progress=seen.append)
    assert [p.done for p in seen] == list(range(4, 13))
    whole = archcast.evaluate(predictors, tiny, **settings)
    pd.testing.assert_frame_equal(untimed(continued), untimed(whole))
    written = read(tmp_path)
    assert written["kendall_tau"].tolist() == whole.frame["kendall_tau"].tolist(), "every digit is kept"
    assert written["fit_seconds"].head(1).item() == kept["fit_seconds"].head(1).item(), (
        "finished trials do not run again"
    )
    assert list(written) == list(COLUMNS)
    assert sorted(os.listdir(tmp_path)) == ["figure.png", "protocol.json", "report.html", "results.csv", "results.json"]


def test_failed_trials_are_tried_again(tiny, kinds, tmp_path, monkeypatch) -> None:
    settings = {"train_sizes": [5], "trials": 2, "out": tmp_path}
    assert archcast.evaluate({"a": kinds["Fails"](SPACE)}, tiny, **settings).summary()["failed"].item() == 2
    monkeypatch.setattr(kinds["Fails"], "_init", kinds["Counts"]._init)
    results = archcast.evaluate({"a": kinds["Fails"](SPACE)}, tiny, **settings)
    assert results.summary()["failed"].item() == 0
    assert len(read(tmp_path)) == 2


def test_predictors_can_be_added_to_a_run(tiny, kinds, tmp_path) -> None:
    settings = {"train_sizes": [5], "trials": 2, "out": tmp_path}
    archcast.evaluate({"a": kinds["Counts"](SPACE)}, tiny, **settings)
    results = archcast.evaluate({"b": kinds["Counts"](SPACE, ridge=5.0)}, tiny, **settings)
    assert results.summary()["predictor"].tolist() == ["a", "b"]
    assert len(kinds["Counts"].calls) == 4
    assert len(json.loads((tmp_path / "results.json").read_text())["rows"]) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, "its seed is 0, this run's is 1"),
        ({"trials": 3}, "its trials is 2, this run's is 3"),
        ({"evidence": True}, r"its evidence is \[\], this run's is \[\"grasp\", \"ms\", \"snip\"\]"),
        ({"metric": "other"}, 'its metric is "acc", this run\'s is "other"'),
        ({"benchmark": "changed"}, r"its data is \"[0-9a-f]{16}\", this run's is"),
        ({"predictors": "ridge 7"}, r"holds results of another 'a': .*ridge=1\.0.*, now .*ridge=7\.0"),
    ],
)
def test_another_protocol_in_the_same_folder_is_refused(tiny, kinds, tmp_path, changes, message) -> None:
    settings = {"train_sizes": [5], "trials": 2, "test_size": 20, "out": tmp_path}
    archcast.evaluate({"a": kinds["Counts"](SPACE)}, tiny, **settings)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ridge = 7.0 if changes.pop("predictors", None) else 1.0
    if changes.pop("benchmark", None):
        tiny = dataclasses.replace(tiny, metrics={**tiny.metrics, "acc": tiny.scores() * 1.001})
    with pytest.raises(InvalidInputError, match=message):
        archcast.evaluate({"a": kinds["Counts"](SPACE, ridge=ridge)}, tiny, **(settings | changes))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_damaged_folders(tiny, kinds, tmp_path) -> None:
    def run():
        return archcast.evaluate({"a": kinds["Counts"](SPACE)}, tiny, train_sizes=[5], trials=1, out=tmp_path / "out")

    run()
    results, protocol = tmp_path / "out" / "results.csv", tmp_path / "out" / "protocol.json"
    good = results.read_text()
    results.write_text(good.replace("kendall_tau", "tau"))
    with pytest.raises(InvalidFileError, match="cannot be continued: the header is not that of this version"):
        run()
    results.write_text(good.replace(",5,0,", ",five,0,"))
    with pytest.raises(InvalidFileError, match="cannot be continued"):
        run()
    results.write_text(good[:5])
    assert run().summary()["trials"].item() == 1, "a torn header is nothing"
    protocol.write_text("[]")
    with pytest.raises(InvalidFileError, match=r"protocol\.json' cannot be read"):
        run()
    protocol.unlink()
    with pytest.raises(InvalidInputError, match=r"holds a results\.csv without its protocol"):
        run()
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="cannot be a folder"):
        archcast.evaluate({"a": kinds["Counts"](SPACE)}, tiny, train_sizes=[5], trials=1, out=tmp_path / "file")


# -- workers -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def forest():
    return {"small": archcast.get_predictor("random-forest", SPACE, n_estimators=3)}


SETTINGS = {"train_sizes": [8], "test_size": 50, "trials": 4}


def test_worker_processes_give_the_same(tiny, forest) -> None:
    alone = archcast.evaluate(forest, tiny, **SETTINGS)
    pd.testing.assert_frame_equal(untimed(archcast.evaluate(forest, tiny, **SETTINGS, jobs=2)), untimed(alone))
    with joblib.parallel_config("threading", n_jobs=2):
        pd.testing.assert_frame_equal(untimed(archcast.evaluate(forest, tiny, **SETTINGS)), untimed(alone))


def test_a_worker_that_dies_is_reported(tiny, kinds) -> None:
    class Dies(archcast.Predictor):  # local, so that it travels by value
        def _init(self, known):
            os._exit(1)

    with pytest.raises(ArchcastError, match="A worker process died after 0 of 4 trials"):
        archcast.evaluate({"dies": Dies(SPACE)}, tiny, **SETTINGS, jobs=2)


@pytest.mark.filterwarnings("ignore")
def test_dask_gives_the_same(tiny, forest) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    alone = archcast.evaluate(forest, tiny, **SETTINGS)
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        pd.testing.assert_frame_equal(untimed(archcast.evaluate(forest, tiny, **SETTINGS)), untimed(alone))
