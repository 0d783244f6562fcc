"""``archcast score``: what it prints."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

import archcast
from archcast.proxies.aggregate import AGGREGATES, aggregate

from .conftest import SMALL, Run, rows_of

SPACE = archcast.get_space("nasbench201")
CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"


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
    _, _, err = run("nets:flat")
    assert err.endswith("Give others by --input, as in --input 3x224x224.\n")
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
    code, out, _ = run("nets.py:small", "--proxies", "vote", "--format", "json")
    (alone,) = json.loads(out)
    assert "vote" not in alone["scores"]
    assert alone["failures"]["vote"] == "it compares networks, and there is one"


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
