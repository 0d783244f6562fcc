"""The command line: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import archcast
from archcast.cli import app, main

SPACE = archcast.get_space("nasbench201")
COMMAND = [sys.executable, "-c", "from archcast.cli import main; main()"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A user's table of 250 architectures."""
    rng = np.random.default_rng(0)
    archs = SPACE.enumerate()[rng.choice(15_625, 250, replace=False)]
    scores = (archs == 3).sum(axis=1) + rng.normal(0, 0.2, 250)
    path = tmp_path_factory.mktemp("table") / "mine.csv.gz"
    pd.DataFrame({"cell": SPACE.format(archs), "acc": scores, "snip": scores**2}).to_csv(path, index=False)
    return path


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command in an empty folder; returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return run


@pytest.fixture
def bench(table):
    """Arguments of a small run."""
    return ["bench", "--table", table, "--space", "nasbench201", "--arch-column", "cell", "--score-column", "acc", "--predictors",
            "random-forest", "--train-sizes", "5,20", "--test-size", "50", "--trials", "2", "--jobs", "1"]  # fmt: skip


# -- bench -------------------------------------------------------------------------------------------------------------


def test_bench_prints_a_table_and_writes_files(run, bench, tmp_path) -> None:
    code, out, err = run(*bench, "--out", "here")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("mine, acc: Kendall tau on 50 others")
    assert lines[1].split() == ["predictor", "n=5", "n=20", "init", "s", "query", "ms"]
    assert lines[2].split()[0] == "random-forest"
    assert lines[3] == "Written to here: report.html, figure.png, results.json, results.csv"
    assert max(map(len, lines)) <= 80
    assert sorted(os.listdir(tmp_path / "here")) == [
        "figure.png",
        "protocol.json",
        "report.html",
        "results.csv",
        "results.json",
    ]
    shown = lines[2].split()[1].replace("±.", " ±0.").split()[0]
    rows = json.loads((tmp_path / "here" / "results.json").read_text())["rows"]
    assert float(shown) == pytest.approx(rows[0]["kendall_tau"], abs=5e-4)


def test_bench_json_is_the_file(run, bench, tmp_path) -> None:
    code, out, err = run(*bench, "--out", "here", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((tmp_path / "here" / "results.json").read_text())


def test_the_same_command_finds_its_folder(run, bench, tmp_path) -> None:
    _, out, _ = run(*bench)
    folder = out.splitlines()[-1].split()[2].rstrip(":")
    written = (tmp_path / folder / "results.csv").read_bytes()
    assert folder.startswith("archcast-results/mine-")
    assert run(*bench)[1] == out, "nothing runs again, so even the times are the same"
    assert (tmp_path / folder / "results.csv").read_bytes() == written
    _, other, _ = run(*bench, "--seed", "1")
    assert folder not in other


def test_a_table_whose_columns_are_the_decisions(run, tmp_path) -> None:
    rows = [(w, d, a) for w in (16, 32, 64, 128) for d in (2, 4, 8) for a in ("relu", "gelu", "silu")]
    frame = pd.DataFrame(rows, columns=["width", "depth", "act"])
    frame["val_acc"] = frame["width"] / 200 + frame["depth"] / 20 + (frame["act"] == "gelu") * 0.1
    frame.to_csv(tmp_path / "own.csv", index=False)
    predictors = "bayesian-linear,sklearn.linear_model.Ridge:alpha=0.1"
    code, out, err = run(
        "bench", "own.csv", "--predictors", predictors, "--train-sizes", "12", "--trials", "2", "--jobs", "1"
    )
    assert code == 0, err
    assert out.startswith("own, val_acc: Kendall tau on ")
    assert "width  16, 32, 64, 128" in err, "what was inferred is said"
    assert {line.split()[0] for line in out.splitlines()[2:4]} == {
        "bayesian-linear",
        "sklearn.linear_model.Ridge…",
    } or {line.split()[0][:20] for line in out.splitlines()[2:4]} == {"bayesian-linear", "sklearn.linear_model"}


def test_a_quick_look(run, bench) -> None:
    at = bench.index("--predictors")
    short = [*bench[: at + 1], "bayesian-linear", "--jobs", "1", "--quick"]
    code, out, _ = run(*short)
    assert code == 0
    assert out.splitlines()[1].split()[:3] == ["predictor", "n=10", "n=100"]
    assert out.splitlines()[-1].startswith("This was a quick look")


def test_evidence_from_a_file(run, bench, table, tmp_path) -> None:
    pd.read_csv(table).rename(columns={"cell": "arch"})[["arch", "snip"]].to_csv(tmp_path / "proxies.csv", index=False)
    assert run(*bench, "--evidence", "proxies.csv", "--out", "here")[0] == 0
    assert json.loads((tmp_path / "here" / "protocol.json").read_text())["evidence"] == ["snip"]


def test_sources_get_a_row_beside_the_one_without(run, bench, table) -> None:
    code, out, _ = run(*bench, "--predictors", "gp", "--sources", f"digits,{table}", "--train-sizes", "12")
    assert code == 0
    assert "gp + sources " in out
    assert "gp + sources, correlation found at n=12: digits 0." in out.replace("\n", " ")


def test_several_predictors_and_test_on_the_rest(run, bench) -> None:
    bench[bench.index("random-forest")] = "random-forest, bayesian-linear"
    bench[bench.index("50")] = "rest"
    code, out, _ = run(*bench)
    assert code == 0
    assert "Kendall tau on all others" in out
    assert {line.split()[0] for line in out.splitlines()[2:4]} == {"random-forest", "bayesian-linear"}


def test_budgets_of_a_benchmark_with_curves(run, tmp_path) -> None:
    from archcast.data.files import save_benchmark

    archs = SPACE.sample(60, 0)
    scores = (archs == 3).sum(axis=1) + np.arange(60) / 100
    curves = {"train_loss": 3 - scores[:, None] * np.arange(1, 9) / 30}
    benchmark = archcast.Benchmark(
        "curved", SPACE, archs, {"acc": scores}, "acc", curves=curves, train_seconds=np.full(60, 80.0)
    )
    save_benchmark(benchmark, tmp_path / "curved.npz")
    names = "sotl,random-forest:n_estimators=3"
    arguments = ["--predictors", names, "--train-sizes", "5,9", "--test-size", "20", "--trials", "1", "--jobs", "1"]
    code, out, err = run("bench", "curved.npz", *arguments, "--epochs", "2, 4", "--budgets", "--out", "here")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert {line.split()[0] + line.split()[1] for line in lines[2:4]} == {"sotl@2", "sotl@4"}
    assert lines[-3:-1] == ["told 2 epochs of learning curves: sotl @2", "told 4 epochs of learning curves: sotl @4"]
    assert lines[-1] == "Written to here: report.html, figure.png, budgets.png, results.json, results.csv"
    budgets = json.loads((tmp_path / "here" / "results.json").read_text())["budgets"]
    looks = [one for one in budgets["front"] if one["predictor"] == "sotl"]
    assert looks
    for one in looks:
        assert one["query_seconds"] == pytest.approx(80 * one["epochs"] / 8, abs=1)
    code, _, err = run("bench", "curved.npz", *arguments, "--epochs", "two")
    assert code == 2
    assert "each of --epochs must be a whole number of at least 1, got 'two'" in err


def test_without_names_the_predictors_marked_default_run(run, bench, monkeypatch) -> None:
    from archcast.predictors import PREDICTORS
    from archcast.registry import Entry

    marked = {name: Entry(name, entry.component, {"default": name == "bayesian-linear"}) for name, entry in _entries()}
    monkeypatch.setattr(PREDICTORS, "_entries", marked)
    del bench[bench.index("--predictors") : bench.index("--predictors") + 2]
    code, out, _ = run(*bench)
    assert code == 0
    assert out.splitlines()[2].split()[0] == "bayesian-linear"
    assert len(out.splitlines()) == 4


def _entries():
    from archcast.predictors import PREDICTORS

    return [(name, PREDICTORS.entry(name)) for name in PREDICTORS]


def test_failed_predictors_are_shown(run, bench, monkeypatch) -> None:
    from archcast.predictors.trees.random_forest import RandomForest

    def fail(*_):
        raise ValueError("no luck")

    monkeypatch.setattr(RandomForest, "_init", fail)
    code, out, _ = run(*bench)
    assert code == 0
    assert out.splitlines()[2].split() == ["random-forest", "-", "-", "-", "-"]
    assert out.splitlines()[3] == "failed: random-forest, 4 of 4 trials. ValueError: no luck"


# -- list, version, help -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("spaces", "nasbench201"),
        ("encodings", "adjacency"),
        ("predictors", "random-forest"),
        ("benchmarks", "nas-bench-graph/cora"),
    ],
)
def test_list(run, kind, name) -> None:
    code, out, err = run("list", kind)
    assert (code, err) == (0, "")
    assert name.removesuffix("cora") in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = run("list", kind, "--json")
    entries = {entry["name"]: entry for entry in json.loads(out)}
    assert entries[name]["summary"]
    assert "paper" in entries[name]


def test_version_and_help(run) -> None:
    assert run("--version") == (0, f"archcast {archcast._version.__version__}\n", "")
    for arguments in ([], ["--help"], ["-h"]):
        code, out, _ = run(*arguments)
        assert code == 0
        assert "bench" in out
        assert "list" in out
    assert "--train-sizes" in run("bench", "--help")[1]
    said = run("measure", "--help")[1].split("╭")[0].splitlines()
    assert "the folder holds a line of runs.jsonl for each network as soon" in " ".join(map(str.strip, said)).lower()
    paragraph = [line.strip() for line in said if len(line.strip()) > 1][2:]
    assert min(map(len, paragraph[:-1])) > 65, "its lines are full, wherever those of the source end"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom archcast.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy', 'pandas', 'scipy', 'sklearn', 'torch', 'matplotlib'}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_a_run_without_networks_imports_no_torch(table) -> None:
    code = (
        "import sys\nfrom archcast.cli import main\ntry:\n"
        f"    main(['bench', '--table', {str(table)!r}, '--space', 'nasbench201', '--arch-column', 'cell', "
        "'--score-column', 'acc', '--predictors', 'random-forest', '--train-sizes', '5', '--trials', '1', '--jobs', '1'])\n"
        "except SystemExit:\n    pass\nprint('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=table.parent)
    assert run.stdout.splitlines()[-1] == "False"


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bnch"], "No such command 'bnch'"),
        (["bench", "--foo"], "No such option: --foo"),
        (["bench", "--trials", "many"], "Invalid value for '--trials'"),
        (
            ["bench", "--predictors", "random-forest", "--trials", "0"],
            "trials must be a whole number of at least 1, got 0",
        ),
        (["bench", "--train-sizes", "10,x"], "--train-sizes must be a whole number of at least 1, got 'x'"),
        (
            ["bench", "--predictors", "random-forest", "--train-sizes", "10,99999"],
            "train_sizes: 99999 is too large for benchmark 'digits'",
        ),
        (["bench", "--test-size", "half"], "--test-size must be a whole number of at least 1, got 'half'"),
        (
            ["bench", "--predictors", "random-forrest"],
            "Unknown predictor 'random-forrest'. Did you mean 'random-forest'",
        ),
        (
            ["bench", "nas-bench-graph/cora", "--metric", "perv"],
            "Unknown metric 'perv' of benchmark 'nas-bench-graph/cora'. Did you mean 'perf'",
        ),
        (["bench", "--predictors", "random-forest", "--preset", "white"], "Unknown preset 'white'"),
        (["bench", "--predictors", "random-forest", "--evidence", "absent.csv"], "No file 'absent.csv'"),
        (["bench", "nasbench20"], "Unknown benchmark 'nasbench20'. Did you mean 'nasbench201'"),
        (["bench", "nasbench201"], "nb201_cifar10_full_training.pickle or nb201_cifar10.csv.gz"),
        (["bench", "--space", "nasbench201"], "--space goes with --table"),
        (["bench", "--table", "absent.csv"], "absent.csv"),
        (["bench", "absent.csv"], "absent.csv"),
        (["bench", "--predictors", "sklearn.svm.SVX"], "'sklearn.svm.SVX' cannot be imported"),
        (["bench", "--predictors", "sklearn.svm.SVR:D=3"], "'sklearn.svm.SVR' does not take these parameters"),
        (["bench", "--quick", "--preset", "white2021"], "--quick does not go with --preset"),
        (["bench", "cora", "--table", "absent.csv"], "not both"),
        (["bench", "--table", "absent.csv", "--space", "nasbench201"], "No file 'absent.csv'"),
        (
            ["bench", "--table", "absent.csv", "--space", "nasbench2"],
            "Unknown space 'nasbench2'. Did you mean 'nasbench201'",
        ),
        (["list"], "Missing argument"),
        (["list", "things"], "'things' is not one of 'spaces', 'encodings', 'predictors', 'proxies', 'benchmarks'"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(run, monkeypatch, tmp_path, arguments, message) -> None:
    monkeypatch.delenv("ARCHCAST_DATA", raising=False)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_bad_line_of_a_table_is_named(run, tmp_path) -> None:
    (tmp_path / "mine.csv").write_text(f"arch,score\n{SPACE.format([[0] * 6])[0]},1\nrubbish,2\n")
    code, _, err = run("bench", "--table", "mine.csv", "--space", "nasbench201")
    assert code == 2
    assert "'mine.csv', line 3: 'rubbish' is not an architecture" in err


def test_another_protocol_is_refused(run, bench) -> None:
    run(*bench, "--out", "here")
    code, _, err = run(*bench, "--out", "here", "--seed", "3")
    assert code == 2
    assert "out 'here' holds results of another protocol: its seed is 0, this run's is 3" in err


def test_errors_of_the_system_are_one_line(run, bench, monkeypatch) -> None:
    def full(*_):
        raise OSError(28, "No space left on device", "here/results.csv")

    monkeypatch.setattr("archcast.evaluation.store.Store.append", full)
    code, _, err = run(*bench, "--out", "here")
    assert (code, err) == (2, "error: [Errno 28] No space left on device: 'here/results.csv'\n")


def test_unexpected_errors_are_not_hidden(monkeypatch) -> None:
    monkeypatch.setattr("archcast.data.load_benchmark", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["bench"])


def test_app_is_typer() -> None:
    from typer.testing import CliRunner

    assert CliRunner().invoke(app, ["--version"]).output.startswith("archcast ")


# -- interrupted -------------------------------------------------------------------------------------------------------


def test_interrupted_then_continued_equals_uninterrupted(run, bench, tmp_path) -> None:
    arguments = [str(a) for a in bench]
    arguments[arguments.index("--trials") + 1] = "8"
    csv = tmp_path / "here" / "results.csv"
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--jobs", "2", "--out", "here"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # a test run in the background ignores it
    )
    while process.poll() is None and (not csv.exists() or csv.read_text().count("\n") < 3):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    kept = csv.read_text().count("\n") - 1
    assert 2 <= kept < 16
    assert err.splitlines()[-1] == f"interrupted: {kept} of 16 trials are kept in here; the same command continues."
    assert sorted(os.listdir(tmp_path / "here")) == ["protocol.json", "results.csv"]
    assert run(*arguments, "--out", "here")[0] == 0
    assert run(*arguments, "--out", "whole")[0] == 0
    names = ("here", "whole")
    one, two = (pd.read_csv(tmp_path / n / "results.csv").drop(columns=["fit_seconds", "query_ms"]) for n in names)
    pd.testing.assert_frame_equal(one, two)
    assert len(one) == 16
