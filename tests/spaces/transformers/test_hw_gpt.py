"""HW-GPT-Bench's three spaces: published formula of parameters, notation, what a token sees, rotary positions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.names import SPACES
from archcast.spaces import Task, get_space
from archcast.spaces.transformers.attention import Rotary

SMALL = get_space("hw-gpt-s")
TEXT = "gpt-s-10-192-2-3-4-2-3-4-2-3-4-2-4-8-12-4-8-12-4-8-12-4-True"
TASK = Task((7,), outputs=(13, 7), dtype="int64", vocabulary=13, width=4)


def formula(text):
    """V D + sum of [4 64 h D + 2 r D^2 + 4 D + bias (192 h + D + r D + D)] + 2 D."""
    layers, d, *rest = (int(part) for part in text.split("-")[2:-1])
    bias = text.endswith("True")
    total = 50_254 * d + 2 * d
    for r, h in zip(rest[:layers], rest[layers:], strict=True):
        total += 4 * 64 * h * d + 2 * r * d**2 + 4 * d + bias * (192 * h + d + r * d + d)
    return total


@pytest.mark.parametrize("size", ["s", "m", "l"])
def test_parameters_are_the_published_formula(size):
    space = get_space(f"hw-gpt-{size}")
    rows = space.sample(20, 0)
    assert space.costs(rows)["params"].tolist() == [formula(text) for text in space.format(rows)]


def test_largest_network():
    largest = "gpt-s-12-768" + "-4" * 12 + "-12" * 12 + "-True"
    params = SMALL.costs(SMALL.parse(largest))["params"].item()
    assert round(params / 1e6, 2) == 123.65
    assert round((params + 50_254 * 768) / 1e6, 2) == 162.25, "the benchmark's own number counts the table twice"
    with torch.device("meta"):
        network = SMALL.build(SMALL.parse(largest)[0])
    assert sum(part.numel() for part in network.parameters()) == params


@pytest.mark.parametrize(("size", "rows"), [("s", 1.9e12), ("m", 5.4e23), ("l", 1.5e35)])
def test_sizes(size, rows):
    assert abs(SPACES.entry(f"hw-gpt-{size}").info["size"] / rows - 1) < 0.04


def test_notation():
    assert SMALL.format(SMALL.parse(TEXT)) == [TEXT]
    for bad, message in (
        (TEXT.replace("gpt-s", "gpt-m"), "expected gpt-s-<layers>"),
        (TEXT.replace("-10-", "-11-"), "expected gpt-s-<layers>"),
        (TEXT.replace("True", "true"), "expected gpt-s-<layers>"),
        (TEXT.replace("192", "200"), r"embed_dim is 200, not one of \(192, 384, 768\)"),
        (TEXT.replace("-12-", "-16-"), r"num_heads3 is 16, not one of \(4, 8, 12\)"),
        (TEXT.replace("192-2", "192-5"), r"mlp_ratio1 is 5, not one of \(2, 3, 4\)"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            SMALL.parse(bad)


def test_a_token_sees_those_before_it_alone():
    torch.manual_seed(0)
    network = SMALL.build(SMALL.parse(TEXT)[0], TASK).eval()
    text = torch.randint(13, (1, 7))
    other = text.clone()
    other[0, 4] = (text[0, 4] + 1) % 13
    a, b = network(text), network(other)
    torch.testing.assert_close(a[..., :4], b[..., :4])
    assert (a[..., 4:] != b[..., 4:]).any(dim=1).all()


def test_biases_are_a_decision():
    with_biases, without = (SMALL.build(SMALL.parse(text)[0], TASK) for text in (TEXT, TEXT.replace("True", "False")))
    names = {name for name, _ in with_biases.named_parameters()} - {name for name, _ in without.named_parameters()}
    assert len(names) == 10 * 6
    assert all(name.endswith("bias") for name in names)


def test_rotary_positions_depend_on_the_distance_alone():
    """Turned queries and keys that are alike at all places give the same product at equal distances; the rest stays."""
    rotary = Rotary(4).double()
    q, k = torch.randn(2, 1, 1, 1, 6, dtype=torch.float64).expand(2, 1, 1, 5, 6)
    scores = (rotary(q) @ rotary(k).transpose(2, 3))[0, 0]
    for distance in range(-4, 5):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    assert len(np.unique(scores[0].numpy().round(9))) == 5
    torch.testing.assert_close(rotary(q)[..., 4:], q[..., 4:])
    angle = torch.tensor(2 / 10_000 ** (2 / 4), dtype=torch.float64)
    expected = q[0, 0, 0, 1] * angle.cos() - q[0, 0, 0, 3] * angle.sin()
    torch.testing.assert_close(rotary(q)[0, 0, 2, 1], expected)


@pytest.mark.parametrize(
    "task",
    [
        Task(),
        Task((7,), outputs=(13,), dtype="int64", vocabulary=13),
        Task((7,), outputs=(12, 7), dtype="int64", vocabulary=13),
        Task((7,), outputs=(13, 7)),
        Task(((7,), (7,)), outputs=(13, 7), dtype="int64", vocabulary=(13, 13)),
        Task((7,), outputs=(13, 7), dtype="int64", vocabulary=13, loss="mse"),
    ],
)
def test_tasks_that_are_no_texts(task):
    with pytest.raises(InvalidInputError, match="Networks of space 'hw-gpt-s' predict the next token"):
        SMALL.build(SMALL.parse(TEXT)[0], task)


def test_proxies_tell_networks_apart(scored):
    scored(SMALL, TASK, SMALL.sample(3, 0))
