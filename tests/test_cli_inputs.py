"""``archcast score`` on models that take more than one image: tokens and masks, two towers, language models, regression."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from archcast.cli import app
from archcast.errors import ArchcastError

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
        (["mine.py:Encoder", "--input", "ids:9:long:5000", "--input", "mask:9:bool"], "mine.py:Encoder"),
        (["mine.py:regression", "--input", "5", "--loss", "hinge"], "--loss"),
        (
            ["mine.py:regression", "--input", "5", "--batch-dim", "x"],
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
