"""``archcast data``: list, verify, convert, fetch."""

from __future__ import annotations

import json

import pytest

import archcast
from archcast.cli import main


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command in an empty folder; returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARCHCAST_DATA", raising=False)

    def run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return run


@pytest.fixture
def folder(tmp_path):
    here = tmp_path / "published"
    here.mkdir()
    table = {
        text: {"test_acc": [90.0 + k], "mean_acc": 90.0 + k, "std": 0.0, "params": 1, "flops": 1}
        for k, text in enumerate(("00000000", "12121212", "22222222"))
    }
    (here / "nas-bench-macro_cifar10.json").write_text(json.dumps(table))
    return here


def test_list_says_what_is_here(run, folder) -> None:
    code, out, _ = run("data", "list", "--path", folder)
    assert code == 0
    assert "nasbench-macro  (here: 1 files)" in out
    assert "nats-tss/TASK  (here: no)" in out
    assert "licence: MIT" in out
    code, out, _ = run("data", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert set(rows) == set(archcast.data.BENCHMARKS)
    assert rows["nasbench-macro"]["here"] == "no"
    assert rows["nats-tss"]["tasks"] == ["cifar10", "cifar100", "imagenet16-120"]
    assert "ARCHCAST_DATA is not set" in run("data", "list")[1]


def test_verify(run, folder) -> None:
    code, out, _ = run("data", "verify", "nasbench-macro", "--path", folder)
    assert code == 2, "three of 6,561 architectures"
    assert "DIFFERS  architectures: 3 of 6,561" in out
    assert "left out: 6,558 chains that the file does not hold" in out
    code, out, _ = run("data", "verify", "nasbench-macro", "--path", folder, "--json")
    assert {"name": "nasbench-macro", "what": "architectures", "passed": False, "detail": "3 of 6,561"} in json.loads(
        out
    )


def test_convert(run, folder, monkeypatch) -> None:
    code, out, err = run("data", "convert", "nasbench-macro", "--path", folder)
    assert (code, err) == (0, "")
    assert "nasbench-macro.npz: 3 architectures, 2 metrics, 0 curves" in out
    assert "without 6,558 chains" in out
    (folder / "nas-bench-macro_cifar10.json").unlink()
    monkeypatch.setenv("ARCHCAST_DATA", str(folder))
    assert archcast.load_benchmark("nasbench-macro").scores().tolist() == [90, 91, 92]
    assert "here: no, 1 converted" in run("data", "list")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "nasbench-macr"), "Unknown benchmark 'nasbench-macr'. Did you mean 'nasbench-macro'"),
        (("convert", "nats-tss", "--path", "."), "needs NATS-tss-*-simple"),
        (("convert", "nats-tss"), "set ARCHCAST_DATA"),
        (("fetch", "nats-tss"), "have no address that can be fetched"),
        (("fetch", "nasbench101", "--mirror", "ftp://x"), "is not an address"),
    ],
)
def test_errors_are_one_line(run, arguments, message) -> None:
    code, out, err = run("data", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
