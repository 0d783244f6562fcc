"""``archcast train``: what it prints and writes, and one clear line for each mistake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import archcast
from archcast.cli import main

TINY = ["--width", "2", "--epochs", "1", "--jobs", "1"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["train", *arguments])
    out = capsys.readouterr()
    return int(caught.value.code or 0), out.out, out.err


def test_it_trains_continues_and_writes_a_benchmark(capsys, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    code, text, _ = run(capsys, *TINY, "--sample", "2", "--seeds", "2", "--out", str(out))
    assert code == 0
    assert "2 architectures" in text
    assert f"archcast bench {out}" in text.replace("\n", "")
    assert max(map(len, text.splitlines()[:-1])) <= 80
    table = archcast.load_benchmark(str(out))
    assert table.metrics["test_accuracy_s2"].shape == (2,)
    first = f"{100 * table.scores().max():.2f}"
    assert first in text.splitlines()[1]
    code, text, err = run(capsys, *TINY, "--sample", "3", "--seeds", "2", "--out", str(out))
    assert code == 0
    assert "continuing: 2 of 3" in err
    assert len(archcast.load_benchmark(str(out))) == 3


def test_architectures_by_notation_and_file_are_the_same(capsys, tmp_path: Path) -> None:
    space = archcast.get_space("nasbench201")
    (text,) = space.format(space.sample(1, 3))
    (tmp_path / "archs.txt").write_text(f"{text}\n")
    assert run(capsys, *TINY, text, "--out", str(tmp_path / "a"))[0] == 0
    assert run(capsys, *TINY, "--archs", str(tmp_path / "archs.txt"), "--out", str(tmp_path / "b"))[0] == 0
    a, b = (archcast.load_benchmark(str(tmp_path / name)) for name in "ab")
    assert a.curves["train_loss"] == pytest.approx(b.curves["train_loss"])


def test_other_spaces_and_files_of_images(capsys, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=rng.normal(size=(40, 8, 8, 3)), y=rng.integers(0, 4, 40))
    options = ["--space", "nats-size", "--dataset", str(tmp_path / "x.npz"), "--batch-size", "10", "--sample", "1"]
    code, text, _ = run(capsys, *options, "--epochs", "1", "--jobs", "1", "--out", str(tmp_path / "out"))
    assert code == 0
    assert "1 architectures" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of --sample N, --archs FILE and --all"),
        (["--sample", "2", "--all"], "one of --sample N"),
        (["--sample", "0"], "--sample must be a whole number of at least 1, got 0"),
        (["--sample", "1", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["--sample", "1", "--epochs", "0"], "epochs must be a whole number of at least 1, got 0"),
        (["--sample", "1", "--dataset", "digit"], "digits"),
        (["--sample", "1", "--space", "nasbench-graph"], "cannot build networks"),
        (["--sample", "1", "--space", "nasbench20"], "nasbench201"),
        (["--sample", "1", "--device", "tpu9"], "device 'tpu9' cannot be used"),
        (["--sample", "1", "--batch-size", "9999"], "batch_size 9999 is more than"),
        (["|nonsense|"], "nonsense"),
        (["--archs", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_mistakes(capsys, tmp_path: Path, monkeypatch, arguments: list[str], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    code, _text, err = run(capsys, *arguments)
    assert code == 2
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_the_space_does_not_have_is_refused(capsys, tmp_path: Path) -> None:
    """And of what suits digits only the sizes that the space has are taken."""
    out = str(tmp_path / "darts")
    code, _, err = run(capsys, *TINY, "--space", "darts", "--stages", "1", "--sample", "1", "--out", out)
    assert code == 2
    assert "Networks of space 'darts' have no size 'stages', which is 1." in err.replace("\n", " ")
    code, _, _ = run(capsys, *TINY, "--space", "nasbench-macro", "11111111", "--out", out)
    assert code == 0
    assert archcast.load_benchmark(out).space.name == "nasbench-macro"
