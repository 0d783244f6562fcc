"""``archcast score`` on models that take more than one image: tokens and masks, two towers, language models, regression."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from archcast.cli import app
from archcast.cli._inputs import inputs_of
from archcast.errors import ArchcastError, InvalidInputError

MODELS = """
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self, outputs=3):
        super().__init__()
        self.embed, self.out = nn.Embedding(50, 8), nn.Linear(8, outputs)
    def forward(self, ids, mask=None):
        hidden = self.embed(ids)
        return {"logits": self.out((hidden * mask[..., None]).mean(1))}

class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(50, 8), nn.Linear(8, 50)
    def forward(self, ids):
        return self.out(self.embed(ids))

class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(4, 8)
    def forward(self, user, item):
        return (self.a(user) * self.b(item)).sum(-1)

class Pixels(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Conv2d(3, 5, 1)
    def forward(self, x):
        return {"out": self.out(x)}

class First(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(4, 6), nn.Linear(6, 3)
    def forward(self, x):
        return self.out(self.rnn(x)[0][-1])

class Detector(nn.Module):
    # As torchvision's: a list of images; in training also what is in them, and losses come out.
    def __init__(self):
        super().__init__()
        self.stem, self.out = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 3)
    def forward(self, images, targets=None):
        found = [self.out(self.stem(image[None]).mean((2, 3))) for image in images]
        if not self.training:
            return [{"scores": logits.softmax(1)} for logits in found]
        if targets is None:
            raise ValueError("targets are missing")
        losses = [nn.functional.cross_entropy(z, t["label"]) for z, t in zip(found, targets)]
        return {"classes": torch.stack(losses).mean(), "size": torch.stack([z.square().mean() for z in found]).mean()}

def images(samples):
    return [torch.rand(3, 6 + i % 3, 8) for i in range(samples)]

def images_and_targets(samples):
    return images(samples), [{"label": torch.tensor([i % 3])} for i in range(samples)]

def make(samples):
    return torch.randn(7, samples, 4)

def regression():
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))
"""


def run(*arguments):
    command = ["score", *arguments, "--proxies", "params,snip,grad_norm", "--batch-size", "6", "--format", "json"]
    return CliRunner().invoke(app, command)


@pytest.fixture(autouse=True)
def _models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MODELS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["mine.py:Encoder", "--input", "ids:9:long:50", "--input", "mask:9:bool"],
        ["mine.py:Language", "--input", "ids:9:long:50"],
        ["mine.py:Towers", "--input", "user:6", "--input", "item:4", "--loss", "binary"],
        ["mine.py:Pixels", "--input", "x:3x4x4"],
        ["mine.py:First", "--input", "mine.py:make", "--batch-dim", "1"],
        ["mine.py:First", "--input", "7x4"],
        ["mine.py:First", "--input", "7x4", "--batch-dim", "1"],
        ["mine.py:Detector", "--input", "mine.py:images_and_targets"],
        ["mine.py:Pixels", "--input", "3x4x4", "--ignore-index", "255"],
        ["mine.py:regression", "--input", "5", "--loss", "mse"],
        ["mine.py:regression", "--input", "5"],
    ],
    ids=lambda arguments: " ".join(arguments[:1]),
)
def test_models_of_all_kinds_have_gradients(arguments):
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    scores = (found[0] if isinstance(found, list) else found)["scores"]
    assert scores["params"] > 0
    assert scores["snip"] > 0
    assert scores["grad_norm"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["mine.py:Encoder", "--input", "ids:9:long:5000", "--input", "mask:9:bool"],
            "; a whole number is too large to look up: the last field of --input bounds it",
        ),
        (
            ["mine.py:Encoder", "--input", "ids:9", "--input", "mask:9:bool"],
            "; it looks up whole numbers: --input takes their type and bound, as in ids:128:long:30522.",
        ),
        (["mine.py:regression", "--input", "5", "--loss", "hinge"], "--loss"),
        (
            ["mine.py:regression", "--input", "5", "--batch-dim", "x"],
            "--batch-dim must be auto or the number of an axis",
        ),
        (
            ["mine.py:regression", "--input", "5", "--batch-dim", "9" * 5000],
            "--batch-dim must be auto or the number of an axis",
        ),
        (["mine.py:regression", "--input", "5:what"], "--input '5:what' must be a shape"),
    ],
)
def test_wrong_inputs_name_themselves(arguments, message):
    done = run(*arguments)
    said = done.output + (str(done.exception) if isinstance(done.exception, ArchcastError) else "")
    said += "" if done.exception is None else str(getattr(done.exception, "message", done.exception))
    assert done.exit_code != 0
    assert message in said


@pytest.mark.parametrize("arguments", [[], ["--batch-dim", "1"]])
def test_a_sample_has_the_shape_that_was_said_wherever_the_layers_look_for_samples(arguments):
    """``First`` takes sequences first: 7 steps of a sample, whatever the batch."""
    command = ["score", "mine.py:First", "--input", "7x4", "--proxies", "flops", "--format", "json", *arguments]
    flops = []
    for size in ("2", "6"):
        done = CliRunner().invoke(app, [*command, "--batch-size", size])
        assert done.exit_code == 0, done.output
        flops.append(json.loads(done.output)[0]["scores"]["flops"])
    assert flops[0] == flops[1] == 7 * 3 * 6 * (4 + 6) + 6 * 3
    done = CliRunner().invoke(app, ["stats", "mine.py:First", "--input", "7x4", "--json", *arguments])
    assert json.loads(done.output)["macs"] == flops[0]


def test_stats_of_a_detector_count_its_images():
    command = ["stats", "mine.py:Detector", "--input", "mine.py:images_and_targets", "--batch-size", "3", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["macs"] == (6 + 7 + 8) * 8 * 4 * 27 // 3 + 4 * 3
    assert found["training_seconds"] > 0


@pytest.mark.parametrize(
    ("target", "arrays", "arguments"),
    [
        ("Language", {"x": (12, 9, 50), "y": (12, 9, 50)}, []),
        ("Language", {"x": (12, 9, 50), "y": (12, 9, 50)}, ["--input", "ids:9:long:50"]),
        ("Towers", {"user": (12, 6, 0), "item": (12, 4, 0), "y": (12, 2)}, []),
        ("Encoder", {"ids": (12, 9, 50), "mask": (12, 9, 2)}, []),
        ("Pixels", {"x": (12, 3, 4, 4, 0), "y": (12, 4, 4, 5)}, []),
        ("First", {"x": (12, 7, 4, 0), "y": (12, 3)}, ["--input", "7x4"]),
        ("regression", {"x": (12, 5, 0), "y": (12, 0)}, ["--loss", "mse"]),
    ],
)
def test_data_of_any_type(target, arrays, arguments, tmp_path):
    rng = np.random.default_rng(0)
    made = {k: rng.integers(0, s[-1], s[:-1]) if s[-1] else rng.normal(size=s[:-1]) for k, s in arrays.items()}
    np.savez(tmp_path / "data.npz", **made)
    done = run(f"mine.py:{target}", "--data", str(tmp_path / "data.npz"), *arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)[0]["scores"]["grad_norm"] > 0


@pytest.mark.parametrize(
    ("arrays", "arguments", "message"),
    [
        ({"x": np.array(["a", "b"]), "y": np.arange(2)}, [], "must hold numbers"),
        ({"x": np.ones((8, 5)), "y": np.arange(3)}, [], "it has x float64 (8, 5), y int64 (3,)"),
        ({"y": np.arange(3)}, [], "needs an array x, or one for each argument"),
        ({"x": np.full((8, 5), np.nan)}, [], "not a finite number"),
        ({"x": np.ones((3, 5))}, [], "3 samples are fewer than a batch of 6"),
        ({"x": np.ones((8, 5))}, ["--input", "mine.py:make"], "makes the inputs: leave --data"),
        ({"a": np.ones((8, 5)), "b": np.ones((8, 5))}, ["--input", "c:5"], "--input names c"),
    ],
)
def test_wrong_data_names_what_it_has(arrays, arguments, message, tmp_path):
    np.savez(tmp_path / "data.npz", **arrays)
    done = run("mine.py:regression", "--data", str(tmp_path / "data.npz"), *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_groups_of_proxies_stand_beside_names():
    done = CliRunner().invoke(
        app, ["score", "mine.py:Pixels", "--input", "3x4x4", "--proxies", "quick,zen", "--format", "json"]
    )
    scores = json.loads(done.output)[0]["scores"]
    assert {"params", "snip", "zen"} <= set(scores)


@pytest.mark.parametrize(
    ("text", "name", "shape"),
    [
        ("3,32,32", "", (3, 32, 32)),
        ("(3, 32, 32)", "", (3, 32, 32)),
        ("[3,32,32]", "", (3, 32, 32)),
        ("(128,)", "", (128,)),
        ("3X32X32", "", (3, 32, 32)),
        ("3*32 * 32", "", (3, 32, 32)),
        ("x:3,32,32", "x", (3, 32, 32)),
        ("ids:2,9:long:50", "ids", (2, 9)),
    ],
)
def test_shapes_are_understood_as_people_write_them(text, name, shape):
    (part,) = inputs_of([text]).parts
    assert (part.name, part.shape) == (name, shape)


@pytest.mark.parametrize("text", ["3,,32", "3x", "3 32 32", "-3,32", "3.5x2", "x"])
def test_what_is_no_shape(text):
    with pytest.raises(InvalidInputError, match="must be a shape such as 3x224x224"):
        inputs_of([text])
