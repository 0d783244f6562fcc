"""``archcast measure``: what it prints and writes, and one clear line for each mistake."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.cli import main

QUICK = ["--runs", "2", "--warmup", "0", "--space", "nats-size"]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main(["measure", *arguments])
    out = capsys.readouterr()
    return int(caught.value.code or 0), out.out, out.err


def test_it_measures_and_continues(capsys, tmp_path) -> None:
    out = tmp_path / "here"
    for _ in range(2):
        code, text, _ = run(capsys, *QUICK, "8:8:8:8:8", "64:8:8:8:8", "--out", str(out))
        assert code == 0
        assert "8:8:8:8:8" in text
        assert text.splitlines()[-1] == f"Written to {out}: latency.csv, runs.jsonl"
    assert len((out / "runs.jsonl").read_text().splitlines()) == 3
    lines = (out / "latency.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["arch", "8:8:8:8:8", "64:8:8:8:8"]


@pytest.mark.parametrize(
    ("share", "clock", "says"), [(0.2, "wall", True), (0.2, "processor", True), (0.02, "wall", False)]
)
def test_figures_that_spread_are_said_to(capsys, tmp_path, monkeypatch, share, clock, says) -> None:
    def noisy(runs, many, rng, **_):
        return np.tile(1 + 2 * share * np.array([-1.0, -0.5, 0, 0.5, 1]), (len(runs), 1))

    monkeypatch.setattr("archcast.costs.measuring.rounds", noisy)
    more = ["--clock", clock, "--out", str(tmp_path / "o")]
    code, _, err = run(capsys, *QUICK, "8:8:8:8:8", *more)
    assert code == 0
    assert (f"spread by {share:.0%} of their median: other work shares the device. Measure again" in err) == says
    assert ("--clock processor" in err) == (says and clock == "wall")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give architectures, or one of --sample N and --archs FILE."),
        (("--sample", "2", "8:8:8:8:8"), "Give architectures, or one of"),
        (("--sample", "0"), "--sample must be a whole number of at least 1, got 0."),
        (("--sample", "1", "--device", "abacus"), "device 'abacus' cannot be used"),
    ],
)
def test_mistakes(capsys, tmp_path, arguments, message) -> None:
    code, _, err = run(capsys, *QUICK, *arguments, "--out", str(tmp_path))
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
