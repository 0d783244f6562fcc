"""``archcast score``: what it prints, what it writes, how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import archcast
from archcast.cli import _scoring, main
from archcast.cli._batches import read_data
from archcast.cli._targets import Settings, target_of
from archcast.errors import InvalidFileError, InvalidInputError
from archcast.proxies.aggregate import AGGREGATES, aggregate

SPACE = archcast.get_space("nasbench201")
CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
SMALL = ["--input", "3x8x8", "--depth", "1", "--width", "4", "--batch-size", "8"]
NETS = """
import torch
from torch import nn

def small(width=6, num_classes=4):
    return nn.Sequential(
        nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, num_classes),
    )

class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = small()
    def forward(self, x):
        return {"logits": self.body(x)}

ready = small(8)
number = 3

def raises():
    raise ValueError("no such thing\\nsecond line")

def gives_text():
    return "a model"
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Run the command in a folder that holds nets.py; returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "nets.py").write_text(NETS)

    def run(*arguments: Any) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(["score", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    yield run
    for name in [name for name in sys.modules if name in ("nets", "archcast_target_nets")]:
        del sys.modules[name]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# -- targets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["nets.py:small", "nets:small", "nets:Mine", "./nets.py:ready", f"nasbench201:{CELL}"]
)
def test_one_target_is_a_list_of_proxies(run: Run, target: str) -> None:
    code, out, err = run(target, *SMALL)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].strip() == target
    names = [line.split()[0] for line in lines[2:]]
    assert {"params", "flops", "snip", "nwot", "jacob_cov", "synflow", "meco_opt"} <= set(names)
    assert {"grasp", "zen", "vkdnw", "gradsign"}.isdisjoint(names), "quick is quick"


def test_several_targets_are_a_table(run: Run) -> None:
    code, out, err = run("nets.py:small", "nets.py:ready", "--proxies", "params,snip", "--sort", "params")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["target", "nets.py:ready", "nets.py:small"]
    assert out.splitlines()[1].split()[1] == "276"


def test_a_table_that_is_too_wide_comes_in_parts(run: Run) -> None:
    code, out, _ = run("nets.py:small", "nets.py:ready", "--proxies", "all", "--batch-size", "4")
    assert code == 0
    assert len([line for line in out.splitlines() if line.startswith("target")]) > 2
    assert max(map(len, out.splitlines())) <= 100
    assert {name for line in out.splitlines() if line.startswith("target") for name in line.split()[1:]} == set(
        archcast.proxies.PROXIES
    )


def test_scores_are_those_of_the_library(run: Run) -> None:
    _, out, _ = run(f"nasbench201:{CELL}", *SMALL, "--proxies", "snip,zen", "--seed", "3", "--format", "json")
    (found,) = json.loads(out)
    task = archcast.Task((3, 8, 8), 10, 4, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        net = SPACE.build(SPACE.parse(CELL)[0], task)
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(8, 3, 8, 8, generator=generator)
    y = torch.randint(0, 10, (8,), generator=generator)
    expected = archcast.score(net, x, y, proxies=["snip", "zen"], seed=3)
    assert found["scores"] == pytest.approx(dict(expected), rel=1e-6)
    assert found["target"] == f"nasbench201:{CELL}"


def test_json_and_csv(run: Run) -> None:
    _, out, _ = run("nets.py:small", "--proxies", "params,swap,az_*", "--format", "json")
    (found,) = json.loads(out)
    assert found["scores"]["params"] == 208
    assert "fewer than two stages" in found["failures"]["az_expressivity"]
    assert found["seconds"] > 0
    _, out, _ = run("nets.py:small", "--proxies", "params,az_*", "--format", "csv")
    assert out.splitlines()[0] == "target,params,az_expressivity,az_progressivity,az_trainability"
    assert out.splitlines()[1] == "nets.py:small,208.0,,,"


def test_arguments_of_the_factory(run: Run) -> None:
    arguments = ["--proxies", "params", "--format", "csv"]
    _, out, _ = run("nets.py:small", "--kwargs", '{"width": 10}', *arguments)
    assert rows_of(out)[0]["params"] == "344.0"
    code, _, err = run("nets.py:small", "--kwargs", '{"height": 10}', *arguments)
    assert code == 2
    assert "nets.py:small: building it raised TypeError: small() got an unexpected keyword argument 'height'" in err


def test_weights_drawn_in_another_way(run: Run) -> None:
    norms = []
    for init in ("default", "kaiming", "xavier", "normal"):
        _, out, _ = run("nets.py:small", "--proxies", "l2_norm", "--init", init, "--format", "csv")
        norms.append(float(rows_of(out)[0]["l2_norm"]))
    assert len(set(norms)) == 4
    assert norms[3] == max(norms)
    again = run("nets.py:small", "--proxies", "l2_norm", "--init", "normal", "--format", "csv")[1]
    assert float(rows_of(again)[0]["l2_norm"]) == norms[3]


BAD = {
    "nowhere:factory": "nowhere:factory: building it raised ModuleNotFoundError: No module named 'nowhere'",
    "nets:smal": "nets:smal: there is no 'smal' in it. Did you mean 'small'",
    "nowhere.py:factory": "nowhere.py:factory: there is no file 'nowhere.py'",
    "nets:raises": "nets:raises: building it raised ValueError: no such thing",
    "nets:gives_text": "nets:gives_text: it gave a str, not a torch.nn.Module",
    "nets:number": "nets:number: building it raised TypeError: 'int' object is not callable",
    "nasbench201:|wrong|": "nasbench201:|wrong|: '|wrong|' is not an architecture of space 'nasbench201'",
    "nasbench_graph": "'nasbench_graph' is not a target. Use torchvision:resnet18",
    "nasbench-graph:(0, 0)": "Networks of space 'nasbench-graph' cannot be built. Spaces that can be: ",
}


def test_bad_targets_are_named_and_the_others_scored(run: Run) -> None:
    code, out, err = run(*BAD, "nets:small", "--proxies", "params", "--format", "csv")
    assert code == 2
    assert out == "target,params\nnets:small,208.0\n"
    lines = err.splitlines()
    assert len(lines) == len(BAD)
    for message in BAD.values():
        assert any(line.startswith(f"error: {message}") for line in lines), f"{message!r} is not in:\n{err}"


def test_a_shape_that_the_model_rejects(run: Run) -> None:
    code, _, err = run("nets:small", "--input", "1x8x8")
    assert code == 2
    assert err.startswith("error: nets:small: Sequential failed on inputs of shape 2x1x8x8: RuntimeError: ")
    assert len(err.splitlines()) == 1


def test_missing_packages_are_named_with_their_install_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    code, out, err = run("timm:vit_tiny_patch16_224", "torchvision:resnet18", "nets:small", "--proxies", "params")
    assert code == 2
    assert "nets:small" in out
    assert err.count("Install it with: pip install 'archcast[vision]'") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give a target, e.g. torchvision:resnet18, or --space"),
        (["nets:small", "--proxies", "snp"], "Unknown proxy 'snp'. Did you mean 'snip'"),
        (["nets:small", "--proxies", "params", "--sort", "snip"], "--sort 'snip' is not one of the proxies: params."),
        (["nets:small", "--format", "xml"], "--format 'xml' is not one of table, json, csv."),
        (["nets:small", "--init", "zero"], "--init 'zero' is not one of default, kaiming, xavier, normal."),
        (["nets:small", "--input", "3x-2"], "--input '3x-2' must be a shape such as 3x224x224"),
        (["nets:small", "--kwargs", "{"], "--kwargs is not JSON"),
        (["nets:small", "--kwargs", "[1]"], "--kwargs must be a JSON object"),
        (["nets:small", "--batch-size", "0"], "--batch-size must be a whole number of at least 1, got 0"),
        (["nets:small", "--sample", "3"], "--sample, --archs and --all need --space."),
        (["nets:small", "--space", "nasbench201", "--all"], "Give targets ('nets:small') or --space, not both."),
        (["--space", "nasbench201"], "--space needs one of --sample N, --archs FILE and --all."),
        (["--space", "nasbench201", "--all", "--sample", "3"], "--space needs one of"),
        (["--space", "nasbench210", "--all"], "Unknown space 'nasbench210'. Did you mean 'nasbench201'"),
        (["--space", "nasbench-graph", "--all"], "Networks of space 'nasbench-graph' cannot be built."),
        (["--space", "nasbench201", "--archs", "none.txt"], "no file 'none.txt'"),
    ],
)
def test_wrong_options_are_one_line(run: Run, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1


# -- spaces and files --------------------------------------------------------------------------------------------------


def test_a_sample_is_written_and_continued(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [
        "--space",
        "nasbench201",
        "--sample",
        "8",
        *SMALL,
        "--proxies",
        "params,snip,az_trainability",
        "--out",
        "s.csv",
    ]
    code, out, _ = run(*command)
    assert (code, out) == (0, "8 in s.csv\n")
    whole = (tmp_path / "s.csv").read_text()
    assert sorted(row["arch"] for row in rows_of(whole)) == sorted(SPACE.format(SPACE.sample(8, 0)))

    lines = whole.splitlines(keepends=True)
    (tmp_path / "s.csv").write_text("".join(lines[:4]) + lines[4][:30])
    calls: list[str] = []
    original = _scoring.run
    monkeypatch.setattr(_scoring, "run", lambda target, job: calls.append(target.name) or original(target, job))
    code, out, err = run(*command)
    assert (code, out) == (0, "8 in s.csv\n")
    assert "continuing: 3 are there already" in err
    assert len(calls) == len(
        {bytes(row) for row in SPACE.canonical(SPACE.parse([a["arch"] for a in rows_of(whole)[3:]]))}
    )
    assert (tmp_path / "s.csv").read_text() == whole

    code, _, err = run(*command, "--seed", "1")
    assert code == 2
    assert "holds scores made with other settings (seed was 0). Choose another file." in err
    (tmp_path / "s.csv.settings.json").unlink()
    code, _, err = run(*command)
    assert code == 2
    assert "'s.csv.settings.json', which says how its scores were made, cannot be read" in err
    assert (tmp_path / "s.csv").read_text() == whole


def test_twins_are_scored_once(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twins = SPACE.format([[0, 3, 0, 0, 0, 4], [1, 0, 3, 0, 0, 4], [3, 0, 1, 0, 0, 4], [3, 0, 0, 0, 0, 0]])
    (tmp_path / "some.txt").write_text("\n".join([*twins, twins[0], ""]))
    calls: list[str] = []
    original = _scoring.run
    monkeypatch.setattr(_scoring, "run", lambda target, job: calls.append(target.name) or original(target, job))
    code, out, err = run(
        "--space", "nasbench201", "--archs", "some.txt", *SMALL, "--proxies", "params,synflow", "--format", "csv"
    )
    assert code == 0
    assert len(calls) == 2
    found = {row["arch"]: (row["params"], row["synflow"]) for row in rows_of(out)}
    assert set(found) == set(twins)
    assert len({found[name] for name in twins[:3]}) == 1
    assert found[twins[3]][1] == ""
    assert "synflow failed for 1 of 4: no path from input to output" in err


def test_workers_give_the_same(run: Run, tmp_path: Path) -> None:
    command = ["--space", "nasbench201", "--sample", "5", *SMALL, "--proxies", "params,snip,nwot"]
    run(*command, "--out", "one.csv")
    run(*command, "--out", "two.csv", "--jobs", "2")
    one, two = (pd.read_csv(tmp_path / name).sort_values("arch", ignore_index=True) for name in ("one.csv", "two.csv"))
    pd.testing.assert_frame_equal(one, two)


def test_json_lines(run: Run, tmp_path: Path) -> None:
    command = ["--space", "nasbench201", "--sample", "3", *SMALL, "--proxies", "params,synflow", "--out", "s.jsonl"]
    assert run(*command)[1] == "3 in s.jsonl\n"
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert {line["arch"] for line in lines} == set(SPACE.format(SPACE.sample(3, 0)))
    assert all(set(line) == {"arch", "scores", "failures", "seconds"} for line in lines)
    assert run(*command)[1] == "3 in s.jsonl\n"
    assert len((tmp_path / "s.jsonl").read_text().splitlines()) == 3
    (tmp_path / "s.jsonl").write_text("[1]\n")
    code, _, err = run(*command)
    assert code == 2
    assert "does not hold scores" in err


def test_ctrl_c_keeps_what_is_there(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = _scoring.run, []

    def impatient(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(_scoring, "run", impatient)
    command = ["--space", "nasbench201", "--sample", "4", *SMALL, "--proxies", "params", "--out", "s.csv"]
    code, _, err = run(*command)
    assert code == 130
    assert err.endswith("interrupted: 2 are kept in s.csv; the same command continues.\n")
    assert run(*command)[1] == "4 in s.csv\n"
    assert len(rows_of((tmp_path / "s.csv").read_text())) == 4


@pytest.mark.parametrize("name", ["proxies.csv", "proxies.jsonl"])
def test_bench_reads_what_score_writes(run: Run, tmp_path: Path, name: str) -> None:
    code, _, _ = run(
        "--space", "nasbench201", "--sample", "60", *SMALL, "--proxies", "params,flops,synflow", "--out", name
    )
    assert code == 0
    from archcast.data import read_evidence

    rows = SPACE.sample(80, 0)
    texts = SPACE.format(rows)
    mine = pd.DataFrame({"arch": texts, "score": (rows == 3).sum(axis=1) + np.linspace(0, 0.1, 80)})
    mine.to_csv(tmp_path / "mine.csv", index=False)
    known = read_evidence(tmp_path / name, archcast.Benchmark("mine", SPACE, rows, {"score": mine["score"]}, "score"))
    assert list(known.proxies) == ["params", "flops", "synflow"]
    assert 60 <= np.isfinite(known.proxies["params"]).sum() < 80, "the others are unknown"
    table = [
        "--table",
        "mine.csv",
        "--space",
        "nasbench201",
        "--train-sizes",
        "15",
        "--test-size",
        "30",
        "--trials",
        "1",
    ]
    with pytest.raises(SystemExit) as exit_:
        main(
            [
                "bench",
                *table,
                "--evidence",
                name,
                "--predictors",
                "stack,gp",
                "--proxies",
                "synflow",
                "--jobs",
                "1",
                "--json",
            ]
        )
    assert not exit_.value.code
    found = json.loads((next((tmp_path / "archcast-results").iterdir()) / "results.json").read_text())
    assert found["protocol"]["evidence"] == ["flops", "params", "synflow"]
    assert found["protocol"]["architectures"] == np.isfinite(known.proxies["params"]).sum()
    tau = {row["predictor"]: row["kendall_tau"] for row in found["rows"]}
    assert set(tau) == {"stack", "gp", "params", "flops", "synflow"}
    assert tau["params"] > 0.5
    assert min(tau["stack"], tau["gp"]) > 0.3


def test_architectures_of_a_csv(run: Run, tmp_path: Path) -> None:
    texts = SPACE.format([[3, 0, 0, 3, 0, 0], [0, 0, 0, 3, 0, 0]])
    pd.DataFrame({"arch": texts, "accuracy": [1, 2]}).to_csv(tmp_path / "some.csv.gz", index=False)
    arguments = [*SMALL, "--proxies", "params", "--format", "csv"]
    _, out, _ = run("--space", "nasbench201", "--archs", "some.csv.gz", *arguments)
    assert [row["arch"] for row in rows_of(out)] == texts
    pd.DataFrame({"cell": texts}).to_csv(tmp_path / "other.csv", index=False)
    assert "has no column 'arch'; it has cell" in run("--space", "nasbench201", "--archs", "other.csv", *arguments)[2]
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "two.txt").write_text(f"{texts[0]}\n|wrong|\n{texts[1]}\n")
    code, out, err = run("--space", "nasbench201", "--archs", "two.txt", *arguments)
    assert (code, [row["arch"] for row in rows_of(out)]) == (2, texts[:2])
    assert err.startswith("error: '|wrong|' is not an architecture of space 'nasbench201'")
    (tmp_path / "wrong.txt").write_text("|wrong|\n")
    assert run("--space", "nasbench201", "--archs", "wrong.txt", *arguments)[:2] == (2, "")
    assert "names no architecture" in run("--space", "nasbench201", "--archs", "empty.txt", *arguments)[2]


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "darts", "nasbench-macro", "nats-size"])
def test_every_buildable_space(run: Run, name: str) -> None:
    space = archcast.get_space(name)
    text = space.format(space.sample(1, 0))[0]
    code, out, err = run(f"{name}:{text}", *SMALL, "--proxies", "params,snip", "--format", "csv")
    assert (code, err) == (0, "")
    assert float(rows_of(out)[0]["snip"]) > 0


@pytest.mark.parametrize("name", ["nasbench-nlp", "nasbench-asr"])
def test_networks_that_take_no_images(run: Run, name: str) -> None:
    """They get random inputs of their own task; what is for images alone is refused."""
    space = archcast.get_space(name)
    target = f"{name}:{space.format(space.sample(1, 0))[0]}"
    code, out, err = run(target, "--width", 4, "--proxies", "params,snip", "--format", "csv")
    assert (code, err) == (0, "")
    row = rows_of(out)[0]
    assert float(row["params"]) == space.costs(space.sample(1, 0), task=smaller(space))["params"][0]
    assert float(row["snip"]) > 0
    code, _, err = run(target, "--classes", 10, "--proxies", "params")
    assert code == 2
    assert "--classes is for networks of images, and it takes others. Leave --classes out." in err
    assert len(err) < 250


def smaller(space: archcast.SearchSpace) -> archcast.Task:
    return replace(space.task_of(None), size={"width": 4})


def test_rows_of_one_function_get_the_scores_of_its_network_without_dead_parts(run: Run, tmp_path: Path) -> None:
    """One architecture by itself is built as published, dead edges included."""
    dead, plain = SPACE.format([[3, 3, 0, 3, 0, 0], [0, 0, 0, 3, 0, 0]])
    (tmp_path / "archs.txt").write_text(f"{dead}\n{plain}\n")
    arguments = [*SMALL, "--proxies", "params", "--format", "csv"]
    _, out, _ = run("--space", "nasbench201", "--archs", "archs.txt", *arguments)
    task = archcast.Task((3, 8, 8), width=4, depth=1)
    whole, pruned = (SPACE.costs(SPACE.parse(dead), task=task, pruned=p)["params"][0] for p in (False, True))
    assert whole > pruned
    assert {row["arch"]: float(row["params"]) for row in rows_of(out)} == {dead: pruned, plain: pruned}
    _, out, _ = run(f"nasbench201:{dead}", *arguments)
    assert float(rows_of(out)[0]["params"]) == whole


# -- data --------------------------------------------------------------------------------------------------------------


def test_real_images(run: Run, tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", x=rng.integers(0, 255, (20, 9, 9, 3), dtype=np.uint8), y=np.arange(20) % 4)
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(5):
            pixels = rng.integers(0, 255, (7, 11, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{i}.png")
        (tmp_path / "photos" / label / "notes.txt").write_text("not an image")
    scores = []
    for data in ("noise", "mine.npz", "photos"):
        code, out, err = run(
            "nets:small",
            "--input",
            "3x8x8",
            "--batch-size",
            "8",
            "--data",
            data,
            "--proxies",
            "jacob_cov",
            "--format",
            "csv",
        )
        assert (code, err) == (0, "")
        scores.append(rows_of(out)[0]["jacob_cov"])
    assert len(set(scores)) == 3
    code, _, err = run("nets:small", "--data", "digits", "--proxies", "jacob_cov")
    assert code == 2
    assert "the label 9, but the model has 4 outputs. Use --classes 10." in err
    code, _, err = run(f"nasbench201:{CELL}", *SMALL, "--data", "digits", "--proxies", "jacob_cov")
    assert code == 0
    code, _, err = run("nets:small", "--data", "photos", "--batch-size", "11", "--proxies", "snip")
    assert "10 images are fewer than a batch of 11" in err
    code, _, err = run("nets:small", "--data", "photos", "--input", "8", "--proxies", "snip")
    assert code == 2


def test_digits_are_real_and_standardised() -> None:
    data = read_data("digits", None)
    assert data.classes == 10
    images, labels = data.batch((3, 32, 32), 64, 10, 0)
    assert images.shape == (64, 3, 32, 32)
    assert torch.equal(images[:, 0], images[:, 2])
    assert abs(float(images.mean())) < 0.1
    from sklearn.datasets import load_digits

    raw = load_digits()
    small, again = data.batch((1, 8, 8), 64, 10, 0)
    assert torch.equal(labels, again)
    mean, std = raw.images.mean(), raw.images.std()
    originals = {
        ((image - mean) / std).astype(np.float32).tobytes(): int(t) for image, t in zip(raw.images, raw.target)
    }
    near = [
        min(originals, key=lambda key: np.abs(np.frombuffer(key, np.float32) - s.numpy().ravel()).max())
        for s in small[:5]
    ]
    assert [originals[key] for key in near] == labels[:5].tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.arange(3)}, "needs an array x, or one for each argument of the model; it has y int64"),
        ({"x": np.array(3.0), "y": np.arange(3)}, "a row for each sample"),
        ({"x": np.full((3, 1, 2, 2), np.nan), "y": np.arange(3)}, "x must be"),
        ({"x": np.zeros((3, 1, 2, 2)), "y": np.arange(4)}, r"as many rows, at least one; it has x .*, y int64 \(4,\)"),
        ({"x": np.zeros((3, 1, 2, 2)), "y": np.arange(3) - 1}, r"y must be \(3,\) labels from 0"),
        ({"x": np.zeros((0, 1, 2, 2)), "y": np.arange(0)}, "holds no image"),
        ({"x": np.array([None]), "y": np.arange(1)}, "holds Python objects, which are not read"),
    ],
)
def test_arrays_that_cannot_be_used(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InvalidFileError, match=message):
        read_data(str(tmp_path / "bad.npz"), None)


def test_data_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_text("no archive")
    with pytest.raises(InvalidFileError, match=r"is not a sound file of arrays \(\.npz\)"):
        read_data(str(tmp_path / "broken.npz"), None)
    with pytest.raises(InvalidFileError, match=r"is not noise, digits, a folder of images or a .npz file"):
        read_data("imagenet", None)
    with pytest.raises(InvalidFileError, match="must hold a folder for each class"):
        read_data(str(tmp_path), None)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "broken.png").write_text("no image")
    with pytest.raises(InvalidFileError, match="is not an image that can be read"):
        read_data(str(tmp_path), None)


def test_building_leaves_the_generator_alone() -> None:
    state = torch.get_rng_state()
    target_of(f"nasbench201:{CELL}").build(Settings((3, 8, 8), depth=1))
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(InvalidInputError, match="its networks take images, but --input is 8"):
        target_of(f"nasbench201:{CELL}").build(Settings((8,)))


# -- what is finished is kept --------------------------------------------------------------------------------------------

DEADLY = """
import ctypes, os, sys, time
from torch import nn

def good(width=4):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3))

def one():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))

def grouped():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))

class Segfault(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
    def forward(self, x):
        ctypes.string_at(0)

class Exit(Segfault):
    def forward(self, x):
        os._exit(7)

def leaves():
    sys.exit(3)

class Leaves(Segfault):
    def forward(self, x):
        sys.exit(3)
"""


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "deadly.py").write_text(DEADLY)
    call = [sys.executable, "-c", "from archcast.cli import main; main()", "score", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(archcast.__file__).parents[1])}
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=300, env=environment)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is kept without fork")
@pytest.mark.parametrize("dead", ["Segfault", "Exit"])
def test_a_process_that_is_killed_has_printed_what_was_finished(dead: str, tmp_path: Path) -> None:
    names = ["deadly.py:good", "deadly.py:grouped", f"deadly.py:{dead}", "deadly.py:good"]
    found = command(tmp_path, *names, "--proxies", "params,vkdnw", "--format", "csv")
    assert found.returncode not in (0, 2)
    assert [line.split(",")[0] for line in found.stdout.splitlines()] == ["target", *names[:2]]
    assert rows_of(found.stdout)[0]["params"] == "127.0"
    assert f"error: deadly.py:{dead}: the process was killed while this was scored" in found.stderr


def test_a_system_exit_is_an_error_of_its_target(run: Run, tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    code, out, err = run(
        "deadly.py:good",
        "deadly.py:leaves",
        "deadly.py:Leaves",
        "deadly.py:one",
        "--proxies",
        "params,snip",
        "--format",
        "csv",
    )
    assert code == 2
    assert [row["target"] for row in rows_of(out)] == ["deadly.py:good", "deadly.py:one"]
    assert float(rows_of(out)[1]["snip"]) > 0, "one output has labels 0 and 1"
    assert "deadly.py:leaves: building it raised SystemExit: 3" in err
    assert "Leaves failed on inputs of shape 2x3x32x32: SystemExit: 3" in err


def test_ctrl_c_prints_what_is_finished(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    original = _scoring.run

    def impatient(target: Any, job: Any) -> Any:
        if target.name == "nets.py:ready":
            raise KeyboardInterrupt
        return original(target, job)

    monkeypatch.setattr(_scoring, "run", impatient)
    code, out, err = run("nets.py:small", "nets.py:ready", "--proxies", "params", "--format", "csv")
    assert code == 130
    assert [row["target"] for row in rows_of(out)] == ["nets.py:small"]
    assert "interrupted" in err


# -- aggregates and parameters -------------------------------------------------------------------------------------------


def test_aggregates(run: Run) -> None:
    options = ["--space", "nasbench201", "--sample", "4", *SMALL, "--format", "csv"]
    code, out, _ = run(*options, "--proxies", "vote,params", "--sort", "vote")
    rows = rows_of(out)
    table = {name: [float(row[name] or "nan") for row in rows] for name in AGGREGATES["vote"].proxies}
    votes = [float(row["vote"]) for row in rows]
    assert code == 0
    assert votes == pytest.approx(list(aggregate("vote", table)))
    assert votes == sorted(votes, reverse=True)
    assert list(rows[0])[-1] == "vote"
    code, _, err = run(*options, "--proxies", "vote", "--out", "scores.csv")
    assert code == 2
    assert "vote compares the networks of one command" in err
    code, _, err = run(*options, "--proxies", "params", "--sort", "vote")
    assert code == 2
    assert "--sort 'vote' is not one of the proxies: params" in err


def test_parameters_of_proxies(run: Run) -> None:
    common = ["nets.py:small", "--proxies", "swap,swap_reg", "--format", "csv"]
    _, out, _ = run(*common, "--option", "swap_reg.mu=1", "--option", "swap_reg.sigma=2")
    row = rows_of(out)[0]
    assert float(row["swap_reg"]) == pytest.approx(float(row["swap"]) * np.exp(-((0.208 - 1) ** 2) / 2))
    for text, message in [
        ("swap_reg.mu", "is not of the form swap_reg.mu=40"),
        ("swap_reg.nu=3", "the proxies asked for have swap_reg.mu, swap_reg.sigma"),
        ("snip.mu=3", "the proxies asked for have swap_reg.mu"),
    ]:
        code, _, err = run(*common, "--option", text)
        assert code == 2
        assert message in err


def test_memory_format(run: Run) -> None:
    values = []
    for name in ("auto", "contiguous", "channels_last"):
        _, out, _ = run("nets.py:small", "--proxies", "snip", "--format", "csv", "--memory-format", name)
        values.append(float(rows_of(out)[0]["snip"]))
    assert values == pytest.approx([values[0]] * 3, rel=1e-4)
    code, _, err = run("nets.py:small", "--memory-format", "nhwc")
    assert code == 2
    assert "--memory-format 'nhwc' is not one of auto, contiguous, channels_last" in err


# -- shared weights ------------------------------------------------------------------------------------------------------


@pytest.fixture
def supernet(tmp_path: Path) -> Path:
    small = {"task": archcast.Task(width=4, depth=1, stages=1), "epochs": 1, "batch_size": 384, "images": 20}
    archcast.get_predictor("one-shot", SPACE, **small).init().save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


def test_scores_by_shared_weights_are_evidence(run: Run, supernet: Path) -> None:
    """A column beside the proxies, which predictors are told as any proxy."""
    code, _, err = run(
        "--space",
        "nasbench201",
        "--sample",
        12,
        *SMALL,
        "--proxies",
        "params",
        "--supernet",
        supernet,
        "--out",
        "s.csv",
    )
    assert (code, err) == (0, "")
    table = pd.read_csv("s.csv")
    assert list(table.columns) == ["arch", "params", "one_shot"]
    predictor = archcast.predictors.base.Predictor.load(supernet)
    rows = SPACE.parse(table["arch"].tolist())
    np.testing.assert_allclose(table["one_shot"], predictor.query(rows).mean, rtol=1e-12)
    scores = np.arange(12.0)
    known = archcast.data.Benchmark("mine", SPACE, rows, {"accuracy": scores}, "accuracy")
    evidence = archcast.data.tables.read_evidence("s.csv", known)
    assert set(evidence.proxies) == {"params", "one_shot"}
    for name in ("stack", "omni+"):
        model = archcast.get_predictor(name, SPACE, random_state=0)
        assert np.isfinite(model.init(rows, scores, evidence).query(rows, evidence).mean).all()


def test_shared_weights_alone_sorted_and_trained_on_the_images_given(run: Run) -> None:
    generator = np.random.default_rng(0)
    np.savez("mine.npz", x=generator.normal(size=(64, 1, 8, 8)).astype(np.float32), y=np.arange(64) % 3)
    command = (
        "--space",
        "nasbench201",
        "--sample",
        5,
        "--one-shot",
        "--proxies",
        "none",
        "--data",
        "mine.npz",
        "--width",
        4,
    )
    command = (*command, "--depth", 1, "--stages", 1)
    code, out, _ = run(*command, "--sort", "one_shot", "--format", "json")
    assert code == 0
    values = [record["scores"]["one_shot"] for record in json.loads(out)]
    assert len(values) == 5
    assert values == sorted(values, reverse=True)
    code, _, _ = run(*command, "--out", "s.csv")
    assert code == 0
    assert Path("s.csv.supernet.safetensors").exists()
    np.testing.assert_array_equal(np.sort(pd.read_csv("s.csv")["one_shot"])[::-1], values)


def test_what_has_no_shared_weights_gets_one_line(run: Run, supernet: Path) -> None:
    for arguments, words in (
        (["nets.py:small", "--one-shot"], "they need --space"),
        (["--space", "nasbench-macro", "--sample", 2, "--one-shot"], "no supernet"),
        (["--space", "darts", "--sample", 2, "--supernet", supernet], "of space 'nasbench201', not of 'darts'"),
        (["--space", "darts", "--sample", 2, "--supernet", "none.npz"], "no file 'none.npz'"),
    ):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert words in err
