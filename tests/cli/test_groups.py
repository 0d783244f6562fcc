"""Which networks ``archcast score`` scores: architectures of a space, each function of them once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import archcast
from archcast.cli import _scoring

from .conftest import SMALL, Run, rows_of

SPACE = archcast.get_space("nasbench201")


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


def test_architectures_of_a_csv(run: Run, tmp_path: Path) -> None:
    texts = SPACE.format([[3, 0, 0, 3, 0, 0], [0, 0, 0, 3, 0, 0]])
    pd.DataFrame({"arch": texts, "accuracy": [1, 2]}).to_csv(tmp_path / "some.csv.gz", index=False)
    arguments = [*SMALL, "--proxies", "params", "--format", "csv"]
    _, out, _ = run("--space", "nasbench201", "--archs", "some.csv.gz", *arguments)
    assert [row["arch"] for row in rows_of(out)] == texts
    pd.DataFrame({"cell": texts}).to_csv(tmp_path / "other.csv", index=False)
    assert (
        "has no column 'arch'. Available: cell." in run("--space", "nasbench201", "--archs", "other.csv", *arguments)[2]
    )
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
