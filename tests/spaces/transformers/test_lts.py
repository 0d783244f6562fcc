"""LiteTransformerSearch's two spaces: published formulas, notation, adaptive tables and output, distances of Transformer-XL."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.names import SPACES
from archcast.spaces import Task, get_space
from archcast.spaces.transformers.attention import DistanceAttention
from archcast.spaces.transformers.embeddings import AdaptiveEmbedding, AdaptiveHead, wave_positions
from archcast.spaces.transformers.layers import RelativeAttention
from archcast.spaces.transformers.model import AdaptiveTokens

GPT2, XL = get_space("lts-gpt2"), get_space("lts-transfoxl")
CONFIG = {
    "d_model": 128,
    "n_layer": 5,
    "n_head": [2, 4, 4, 8, 8],
    "d_inner": [1062, 662, 1262, 812, 1862],
    "d_embed": 256,
    "div_val": 4,
}
TASK = Task((6,), outputs=(13, 6), dtype="int64", vocabulary=13, width=8)


def without_tables(space, config):
    """Parameters of the layers: of the network, less tables, maps, biases of the output, positions."""
    with torch.device("meta"):
        network = space.build(space.parse(json.dumps(config))[0])
    return sum(part.numel() for part in network.body.parameters())


def test_published_formulas_of_layers():
    """Attention 4 D^2 + 4 D, MLP 2 D f + f + D, norms 4 D and 2 D at the end; attention of Transformer-XL 5 D^2 + 2 D."""
    d, inner = CONFIG["d_model"], CONFIG["d_inner"]
    assert 5 * (4 * d**2 + 4 * d) == 330_240
    mlp = sum(2 * d * f + f + d for f in inner)
    assert without_tables(GPT2, CONFIG) == 330_240 + mlp + 5 * 4 * d + 2 * d
    assert without_tables(XL, CONFIG) == 5 * (5 * d**2 + 2 * d) + mlp + 5 * 4 * d


@pytest.mark.parametrize("div_val", [1, 2, 4])
def test_parameters_of_tables(div_val):
    """wikitext-103 has 267,735 tokens in groups that begin at 19,997, 39,997 and 199,997."""
    config = CONFIG | {"div_val": div_val}
    sizes, d = (19_997, 20_000, 160_000, 67_738), 128
    channels = [256 // div_val**k for k in range(4)]
    tables = 267_735 * 256 if div_val == 1 else sum(n * c for n, c in zip(sizes, channels, strict=True))
    maps = 256 * d if div_val == 1 else sum(c * d for c in channels)
    ahead = 0 if div_val == 1 else 3 * 256 + 3
    row = GPT2.parse(json.dumps(config))
    assert GPT2.costs(row)["params"] == without_tables(GPT2, config) + tables + maps + ahead + 267_735 + 192 * d


def test_notation_and_sizes():
    for space in (GPT2, XL):
        assert [json.loads(text) for text in space.format(space.parse(json.dumps(CONFIG)))] == [CONFIG]
        assert SPACES.entry(space.name).info["size"] == 15 * 9 * sum(96**layers for layers in range(2, 17))
    for changes, message in (
        ({"n_layer": 6}, "'n_head' must be a list of 6 values|'d_inner' must be a list of 6 values"),
        ({"d_inner": [1071] * 5}, "d_inner1 is 1071, not one of 512, 562, ... 2048"),
        ({"d_model": 100}, "d_model is 100"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            GPT2.parse(json.dumps(CONFIG | changes))


def test_adaptive_output_is_a_distribution_and_the_tables_are_those_of_the_input():
    torch.manual_seed(0)
    front = AdaptiveTokens(20, 8, 4, 2, 5, cutoffs=(6, 12, 99))
    embedding = AdaptiveEmbedding(front).double()
    head = AdaptiveHead(embedding).double()
    numbers = torch.arange(20)[None]
    x = embedding(numbers)
    for number, (group, start) in {3: (0, 0), 6: (1, 6), 19: (2, 12)}.items():
        vector = embedding.maps[group](embedding.tables[group].weight[number - start]) * 8**0.5
        torch.testing.assert_close(x[0, number], vector)
    hidden = torch.randn(2, 5, 8, dtype=torch.float64)
    logs = head(hidden)
    assert logs.shape == (2, 5, 20)
    torch.testing.assert_close(logs.exp().sum(dim=2), torch.ones(2, 5, dtype=torch.float64))
    narrow = hidden @ embedding.maps[2].weight
    inside = (narrow @ embedding.tables[2].weight.T).log_softmax(2)
    torch.testing.assert_close(logs[..., 12:] - logs[..., 12:].logsumexp(2, keepdim=True), inside)
    own = {id(part) for part in head.parameters()} - {id(part) for part in embedding.parameters()}
    assert len(own) == 3 + 2


def test_distances_against_their_definition():
    torch.manual_seed(0)
    layer = DistanceAttention(RelativeAttention(8, 2)).double()
    torch.nn.init.normal_(layer.content)
    torch.nn.init.normal_(layer.place)
    x = torch.randn(1, 4, 8, dtype=torch.float64)
    q, k, v = layer.query(x)[0], layer.key(x)[0], layer.value(x)[0]
    r = layer.distance(wave_positions(torch.arange(4, dtype=torch.float64), 8))
    expected = torch.zeros(4, 8, dtype=torch.float64)
    for c in (slice(0, 4), slice(4, 8)):
        for i in range(4):
            scores = [
                ((q[i] + layer.content)[c] @ k[j, c] + (q[i] + layer.place)[c] @ r[i - j, c]) / 2 for j in range(i + 1)
            ]
            expected[i, c] = torch.stack(scores).softmax(0) @ v[: i + 1, c]
    torch.testing.assert_close(layer(x)[0], layer.out(expected))


@pytest.mark.parametrize("space", [GPT2, XL], ids=lambda space: space.name)
def test_a_token_sees_those_before_it_alone(space):
    torch.manual_seed(0)
    network = space.build(space.sample(1, 0)[0], TASK).eval()
    text = torch.randint(13, (1, 6))
    other = text.clone()
    other[0, 3] = (text[0, 3] + 1) % 13
    a, b = network(text), network(other)
    torch.testing.assert_close(a[..., :3], b[..., :3])
    assert (a[..., 3] != b[..., 3]).any()


def test_heads_divide_the_channels_whatever_the_width():
    for width in (1, 6, 65, 100):
        task = Task((6,), outputs=(13, 6), dtype="int64", vocabulary=13, width=width)
        rows = XL.sample(50, 0)
        model = XL.model(rows, task)
        assert (np.asarray(model.body[0].width) % 8 == 0).all()


def test_proxies_tell_networks_apart(scored):
    for space in (GPT2, XL):
        scored(space, TASK, space.sample(2, 0))
