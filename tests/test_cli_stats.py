"""``archcast stats``, and what ``--input`` may say."""

from __future__ import annotations

import json

import pytest
import torch
from typer.testing import CliRunner

from archcast.cli import app
from archcast.cli._inputs import inputs_of
from archcast.costs.arguments import as_arguments
from archcast.errors import ArchcastError, InvalidInputError

MODELS = """
import torch
from torch import nn

def net(depth=1):
    return nn.Sequential(*(nn.Linear(8, 8) for _ in range(depth)), nn.ReLU(), nn.Linear(8, 3))

class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(50, 4), nn.Linear(4, 2)
    def forward(self, ids, mask):
        assert ids.dtype == torch.long and mask.dtype == torch.bool
        return self.out((self.embed(ids) * mask[..., None]).mean(1))

class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 2, 3)
    def forward(self, images, targets=None):
        assert isinstance(images, list) and targets is None
        return [{"scores": self.layer(image[None]).mean((2, 3))[0]} for image in images]

def images(samples):
    return [torch.rand(3, 8, 8 + i) for i in range(samples)]

def make(samples):
    return {"ids": torch.zeros(samples, 6, dtype=torch.long), "mask": torch.ones(samples, 6, dtype=torch.bool)}

def nothing(samples):
    return "text"

def fails(samples):
    raise SystemExit("no data")
"""


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MODELS)


def run(*arguments):
    return CliRunner().invoke(app, ["stats", *arguments], env={"COLUMNS": "80", "TERM": "dumb"})


def answer(*arguments):
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_a_model_with_one_input(models):
    done = run("mine.py:net", "--input", "8", "--samples", "1000", "--memory", "1GB")
    assert done.exit_code == 0
    lines = {line.split("  ")[0]: line for line in done.output.splitlines()}
    assert lines["parameters"].split()[1] == "99"
    assert "88 a sample" in lines["multiply-accumulates"]
    assert "fits into 1 GB; largest batch about" in lines["memory"]
    assert max(map(len, done.output.splitlines())) <= 80


def test_json_counts_layers_and_epochs(models):
    found = answer("mine.py:net", "--input", "8", "--kwargs", '{"depth": 3}', "--samples", "100", "--batch-size", "10")
    assert found["params"] == 3 * 72 + 27
    assert [layer["kind"] for layer in found["layers"]] == ["Linear", "Linear", "Linear", "ReLU", "Linear"]
    assert found["epoch_seconds"] == pytest.approx(10 * found["training_seconds"])
    assert answer("mine.py:net", "--input", "8", "--memory", "1kb")["fits"] is False


@pytest.mark.parametrize("inputs", [["ids:6:long:50", "mask:6:bool"], ["mine.py:make"]])
def test_tokens_and_masks(models, inputs):
    options = [word for text in inputs for word in ("--input", text)]
    assert answer("mine.py:Tokens", *options)["params"] == 210


def test_a_cell_of_a_space():
    cell = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"
    found = answer(f"nasbench201:{cell}", "--input", "3x8x8", "--batch-size", "2")
    assert found["macs"] > found["params"] / 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine.py:net", "--input", "9"], "mine.py:net: Sequential failed on the inputs: RuntimeError"),
        (["mine.py:net"], "The inputs were '3x32x32'; give others by --input."),
        (["mine.py"], "'mine.py' is a file: name the model, or the function that makes it, as in mine.py:make."),
        (["mine.py:net", "--input", "²"], "--input '²' must be a shape such as 3x224x224"),
        (["mine.py:net", "--input", "0"], "a sample must have between 1 and"),
        (["mine.py:net", "--input", "99999999999"], "too large for any memory"),
        (["mine.py:net", "--input", "8:float:3"], "the last field bounds whole numbers"),
        (["mine.py:net", "--input", "a:8", "--input", "a:8"], "two inputs are called 'a'"),
        (["mine.py:net", "--input", "a:8", "--input", "8"], "name all inputs"),
        (["mine.py:net", "--input", "mine.py:nothing"], "returned a str without a tensor"),
        (["mine.py:net", "--input", "mine.py:fails"], "raised SystemExit: no data"),
        (["mine.py:net", "--input", "mine.py:absent"], "has no 'absent'"),
        (["mine.py:net", "--input", "nowhere.py:f"], "there is no file 'nowhere.py'"),
        (["mine.py:net", "--input", "mine.py:make", "--input", "8"], "makes all inputs"),
        (["mine.py:net", "--input", "8", "--memory", "much"], "--memory must be a size such as 8GB"),
        (["mine.py:net", "--input", "8", "--device", "meta"], "--device 'meta' cannot be used"),
        (["mine.py:net", "--input", "8", "--device", "toaster"], "--device 'toaster' cannot be used"),
        (["mine.py:net", "--input", "8", "--batch-size", "0"], "--batch-size must be a whole number of at least 1"),
        (["mine.py:net", "--input", "8", "--optimizer", "lion"], "--optimizer must be one of none, sgd, adam"),
        (["mine.py:net", "--input", "8", "--kwargs", "[1]"], "--kwargs must be a JSON object"),
        (["mine.py:net", "--input", "8", "--kwargs", "[" * 100_000], "--kwargs is not JSON"),
    ],
)
def test_wrong_options_are_one_line(models, arguments, message):
    done = run(*arguments)
    assert isinstance(done.exception, ArchcastError), done.output
    assert message in str(done.exception)
    assert len(str(done.exception)) < 400


def test_inputs_are_drawn_as_asked():
    batch = inputs_of(["ids:7:long:5", "mask:7:bool", "x:2x3:double"]).batch(4, seed=1)
    assert {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in batch.items()} == {
        "ids": (torch.int64, (4, 7)),
        "mask": (torch.bool, (4, 7)),
        "x": (torch.float64, (4, 2, 3)),
    }
    assert 0 <= int(batch["ids"].min()) <= int(batch["ids"].max()) < 5
    assert torch.equal(inputs_of(["3"]).batch(2, seed=3), inputs_of(["3"]).batch(2, seed=3))
    assert [part.shape for part in inputs_of(["3", "4x4"]).parts] == [(3,), (4, 4)]
    assert isinstance(inputs_of(["3", "4"]).batch(1), tuple)
    with pytest.raises(InvalidInputError, match="is no name of an argument"):
        inputs_of(["a b:3"])


@pytest.mark.parametrize(
    "call",
    [
        "score net.py:net --input 8 --proxies params,flops,snip --batch-size 2",
        "score net.py:net net.py:net --input 8 --proxies params,flops,snip --batch-size 2",
        "stats net.py:net --input 8 --batch-size 2",
        "list strategies",
    ],
)
def test_no_line_of_a_table_ends_in_blanks(call: str, tmp_path, monkeypatch) -> None:
    (tmp_path / "net.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, call.split(), env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    lines = done.stdout.split("\n")
    assert len(lines) > 4
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_a_list_of_images_is_one_argument_for_each_number_of_them(samples: int, tmp_path, monkeypatch) -> None:
    """A detector takes one or two arguments, and so many images are no arguments."""
    (tmp_path / "net.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    call = f"stats net.py:Detector --input net.py:images --batch-size {samples} --json"
    done = CliRunner().invoke(app, call.split())
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["params"] == 56


def test_an_annotation_says_that_a_list_is_one_argument() -> None:
    def detector(images: list[torch.Tensor], targets: list[dict[str, torch.Tensor]] | None = None) -> None:
        pass

    for samples in (1, 2, 3):
        images = [torch.zeros(3, 4, 4)] * samples
        assert as_arguments(detector, images) == (images,)
    assert len(as_arguments(lambda a, b: None, [torch.zeros(2)] * 2)) == 2


@pytest.mark.parametrize(
    ("value", "number", "size", "seconds"),
    [
        (999.6, "1 k", "1 kB", "1e+03 s"),
        (999_700, "1 M", "1 MB", "1e+06 s"),
        (0.9997, "1", "1 bytes", "1 s"),
        (0.0123, "0", "0 bytes", "12.3 ms"),
        (25_557_032, "25.6 M", "25.6 MB", "2.56e+07 s"),
    ],
)
def test_numbers_that_round_up_to_the_next_unit_have_it(value, number, size, seconds):
    from archcast.cli import stats

    assert (stats._number(value), stats._size(value), stats._seconds(value)) == (number, size, seconds)
