"""``archcast search``: what it prints and writes, how it continues, how it fails."""

from __future__ import annotations

import json

import pytest

import archcast
from archcast.cli import main
from archcast.cli import search as command
from archcast.search import STRATEGIES


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command in an empty folder; returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(["search", *map(str, arguments)])
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return run


SMALL = ("--strategy", "random,local-search", "--budget", "15", "--batch", "5", "--trials", "2", "--jobs", "1")


def test_a_table_and_files(run, tmp_path) -> None:
    code, out, err = run(*SMALL, "--out", "here")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("nas-bench-graph/cora, valid_perf: regret after n evaluations, 2 trials")
    assert lines[1].split() == ["strategy", "n=5", "n=10", "n=15", "test", "optimum", "choosing", "s"]
    assert {line.split()[0] for line in lines[2:4]} == {"random", "local-search"}
    assert lines[4].startswith("Best: Arch(")
    assert lines[6] == "Written to here: report.html, figure.png, results.json, results.csv, history.csv"
    tree = json.loads((tmp_path / "here" / "results.json").read_text())
    last = {row["strategy"]: row for row in tree["rows"] if row["evaluations"] == 15}
    assert float(lines[2].split()[3]) == pytest.approx(last[lines[2].split()[0]]["regret_mean"], abs=5e-5)
    assert max(map(len, lines[:4])) <= 80


def test_json_is_the_file_and_the_same_command_continues(run, tmp_path) -> None:
    _, out, _ = run(*SMALL)
    folder = out.splitlines()[-1].split()[2].rstrip(":")
    assert folder.startswith("archcast-results/search-nas-bench-graph-cora-")
    before = (tmp_path / folder / "history.csv").read_bytes()
    code, out, err = run(*SMALL, "--json", "--resume")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((tmp_path / folder / "results.json").read_text())
    assert (tmp_path / folder / "history.csv").read_bytes() == before


def test_the_default_is_four_strategies(run, monkeypatch, tmp_path) -> None:
    seen = {}

    def stop(**settings):
        seen.update(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("archcast.search.run_search", stop)
    code, _, err = run()
    assert code == 130
    assert err.startswith("interrupted: what is finished is kept in archcast-results/search-")
    assert list(seen["strategies"]) == ["random", "local-search", "regularized-evolution", "bayesian"]
    assert seen["objective"].benchmark.name == command.DEFAULT
    assert (seen["budget"], seen["batch"], seen["trials"]) == (100, 10, 5)


def test_objectives(run) -> None:
    code, out, _ = run("--objectives", "latency,para", "--budget", "12", "--batch", "6", "--trials", "1", "--jobs", "1")
    assert code == 0
    assert "hypervolume after n" in " ".join(out.split())
    assert {line.split()[0] for line in out.splitlines()} >= {"random", "parego"}


def test_options_reach_the_strategies_that_take_them(run, tmp_path) -> None:
    code, _, _ = run(
        "--strategy", "random,bayesian", "--predictor", "bayesian-linear", "--acquisition", "its", "--candidates",
        "mutation,random", "--budget", "15", "--batch", "5", "--trials", "1", "--jobs", "1", "--out", "here",
    )  # fmt: skip
    assert code == 0
    params = json.loads((tmp_path / "here" / "protocol.json").read_text())["strategies"]
    assert (params["bayesian"]["predictor"], params["bayesian"]["acquisition"]) == ("bayesian-linear", "its")
    assert params["bayesian"]["candidates"] == ["mutation", "random"]
    assert "acquisition" not in params["random"]


def test_a_function_of_ones_own(run, tmp_path) -> None:
    (tmp_path / "my_training.py").write_text(
        "def train(arch):\n"
        "    if arch[0] == 0:\n"
        "        raise RuntimeError('exploded')\n"
        "    return float((arch == 3).sum()), {'loss': [2.0, 1.0]}\n"
    )
    code, out, _ = run(
        "--objective", "my_training:train", "--space", "nasbench201", "--strategy", "local-search", "--budget", "12",
        "--batch", "4", "--jobs", "1", "--trials", "1", "--out", "here",
    )  # fmt: skip
    assert code == 0
    assert "nasbench201, score: best score after n evaluations, 1 trial" in out
    assert "RuntimeError: exploded" in out
    best = json.loads((tmp_path / "here" / "results.json").read_text())["best"]
    assert best["curves"] == {"loss": [2.0, 1.0]}


@pytest.mark.slow
@pytest.mark.parametrize("option", [(), ("--json",)], ids=["table", "json"])
def test_where_every_evaluation_failed_the_results_are_kept_and_the_exit_code_says_so(run, tmp_path, option) -> None:
    (tmp_path / "mine.py").write_text("def loss(arch):\n    raise RuntimeError('no data')\n")
    command = (
        "--objective",
        "mine:loss",
        "--space",
        "nasbench201",
        "--strategy",
        "random",
        "--trials",
        "1",
        "--jobs",
        "1",
    )
    code, out, err = run(*command, "--budget", "4", "--out", "here", *option)
    assert code == 2
    assert err == "error: No architecture was found: every evaluation failed. The reasons are in here/history.csv.\n"
    assert "no data" in (tmp_path / "here" / "history.csv").read_text()
    assert json.loads((tmp_path / "here" / "results.json").read_text())["best"] is None
    if option:
        assert json.loads(out)["best"] is None
    else:
        assert "failed: 4 evaluations. RuntimeError: no data" in out


def test_a_real_search_ends_with_a_trained_network(run, tmp_path) -> None:
    code, out, err = run(
        "--space", "nasbench201", "--objective", "train", "--dataset", "digits", "--epochs", "1", "--width", "4",
        "--strategy", "random", "--budget", "3", "--batch", "2", "--jobs", "1", "--out", "here",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "val_accuracy" in out
    best = json.loads((tmp_path / "here" / "results.json").read_text())["best"]
    assert len(best["curves"]["val_accuracy"]) == 1
    assert best["scores"]["val_accuracy"] == best["curves"]["val_accuracy"][-1]
    assert 0 <= best["test"] <= 1
    (path,) = [line.removeprefix("Its weights: ") for line in out.splitlines() if line.startswith("Its weights: ")]
    assert (tmp_path / path).is_file()
    assert len(list((tmp_path / "here" / "weights").iterdir())) == 3


def test_a_published_proxy_helps(run, tmp_path, benchmark_with_proxies, monkeypatch) -> None:
    monkeypatch.setattr("archcast.data.load_benchmark", lambda name: benchmark_with_proxies)
    code, _, _ = run("digits", *SMALL, "--zero-cost", "flops", "--warmup", "300", "--moves", "2", "--out", "here")
    assert code == 0
    first = (tmp_path / "here" / "history.csv").read_text().splitlines()[1].split(",")
    assert float(first[4]) > 0.5, "the best of 300 by a good proxy; a random one has 0.2"


@pytest.fixture
def benchmark_with_proxies():
    from archcast.data.benchmark import Benchmark

    space = archcast.get_space("nasbench201")
    archs = space.enumerate()
    score = (space.canonical(archs) == 3).sum(axis=1) / 6
    return Benchmark("toy", space, archs, {"val": score}, "val", proxies={"flops": 100 * score})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategy", "bayesain"], "Unknown strategy 'bayesain'. Did you mean 'bayesian'"),
        (["--strategy", "random,random"], "--strategy names one twice"),
        (["--strategy", "bayesian", "--predictor", "xgboost-rank"], "predictor 'xgboost-rank' has no std"),
        (["--strategy", "random", "--predictor", "gp"], "predictor 'gp': none of the strategies random uses one"),
        (["--strategy", "random", "--acquisition", "ei"], "--acquisition: none of random takes that"),
        (["--strategy", "bayesian", "--acquisition", "eii"], "Unknown acquisition 'eii'"),
        (["--budget", "5", "--batch", "10"], "budget is 5, less than a batch of 10"),
        (["--trials", "0"], "trials must be a whole number of at least 1, got 0"),
        (
            ["--metric", "valid"],
            "Unknown metric 'valid' of benchmark 'nas-bench-graph/cora'. Did you mean 'valid_perf'",
        ),
        (["--objectives", "energy"], "Unknown objective 'energy' of benchmark 'nas-bench-graph/cora'"),
        (["--strategy", "bayesian", "--objectives", "latency"], "Strategy 'bayesian' takes one objective"),
        (["--strategy", "hyperband"], "Strategy 'hyperband' stops trainings early, which needs learning curves"),
        (["no-such-benchmark"], "Unknown benchmark 'no-such-benchmark'"),
        (["--space", "nasbench201"], "--space goes with --objective"),
        (["--objective", "train"], "--objective train needs --space"),
        (
            ["--objective", "nowhere:f", "--space", "nasbench201"],
            "--objective 'nowhere:f' cannot be imported: ModuleNotFoundError: No module named 'nowhere'",
        ),
        (["--objective", "sideways", "--space", "nasbench201"], "--objective must be table, train or module:function"),
        (["--objective", "os:getcwd", "--metric", "x"], "A benchmark and --metric go with --objective table"),
        (["--strategy", "one-shot"], "has no supernet"),
        (["--predictor", "net.npz"], "a file goes with --strategy one-shot"),
        (["--warmup", "5"], "--warmup and --moves need --zero-cost"),
        (["--resume"], "holds no search"),
        (["--jobs", "0"], "jobs must be"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, arguments, message, tmp_path) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "archcast-results").exists(), "nothing has run"


def test_all_leaves_out_what_cannot_run(monkeypatch) -> None:
    names = command._strategies("all", False, True, None, None, {})
    assert set(names) == set(STRATEGIES.names()) - {"hyperband", "bohb", "progressive-stopping", "one-shot"}
    several = command._strategies("all", True, True, None, None, {})
    assert set(several) == {name for name in STRATEGIES if STRATEGIES[name].multi_objective}


def test_few_trainings_begin_with_fewer_random_ones(run, monkeypatch) -> None:
    seen = {}

    def stop(**settings):
        seen.update(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("archcast.search.run_search", stop)
    monkeypatch.setattr("archcast.cli.search._objective", lambda *_: _Real())
    assert run("--objective", "train", "--space", "nasbench201", "--budget", "12")[0] == 130
    assert seen["strategies"] == {"bayesian": {"name": "bayesian", "n_init": 4}}
    assert (seen["batch"], seen["trials"]) == (4, 1)


def test_the_one_shot_strategy_is_told_what_to_train_on(run, tmp_path) -> None:
    """With the data set and the sizes that are given, or with a supernet that is trained already."""
    small = {"task": archcast.Task(width=4, depth=1, stages=1), "epochs": 1, "batch_size": 384, "images": 20}
    archcast.get_predictor("one-shot", "nasbench201", **small).init().save(tmp_path / "net.npz")
    search = (
        "digits",
        "--strategy",
        "random,one-shot",
        "--budget",
        "6",
        "--batch",
        "3",
        "--trials",
        "1",
        "--jobs",
        "1",
    )
    code, out, err = run(*search, "--predictor", "net.npz")
    assert (code, err) == (0, "")
    assert {line.split()[0] for line in out.splitlines()[2:4]} == {"random", "one-shot"}
    makes = {"one-shot": {"name": "one-shot"}, "bayesian": {"name": "bayesian"}}
    space = archcast.get_space("nasbench201")
    assert command._with_supernets(makes, space, "gp", "digits", {"width": 4, "depth": None, "stages": None}) == "gp"
    assert makes["one-shot"]["predictor"] == "one-shot"
    assert makes["one-shot"]["settings"] == {"dataset": "digits", "task": archcast.Task(width=4, depth=1, stages=1)}
    assert makes["bayesian"] == {"name": "bayesian"}


class _Real:
    """Stands for a training."""

    simulated = False
    names = ("val_accuracy",)
    space = archcast.get_space("nasbench201")

    def describe(self):
        return {"benchmark": "real"}


def test_strategies_are_listed(capsys) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["list", "strategies", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert exit_.value.code == 0
    assert [row["name"] for row in rows] == STRATEGIES.names()
    assert all(row["summary"] and row["paper"] for row in rows)
