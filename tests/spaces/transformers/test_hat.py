"""HAT: a published count, notation, the elastic decoder, which layers of the encoder are attended to."""

from __future__ import annotations

import json

import pytest
import torch

from archcast.errors import InvalidInputError
from archcast.spaces import Task, get_space
from archcast.spaces.transformers.translator import Cross
from archcast.spaces.transformers.translator_network import CrossLayer

WMT = get_space("hat-wmt")
TASK = Task(((6,), (5,)), outputs=(13, 5), dtype=("int64", "int64"), vocabulary=(11, 13), width=8)


def config(**decoder):
    """49.38 M parameters in the authors' table."""
    encoder = {"encoder_embed_dim": 512, "encoder_layer_num": 6, "encoder_ffn_embed_dim": [3072] * 6}
    usual = {"decoder_embed_dim": 512, "decoder_layer_num": 5, "decoder_ffn_embed_dim": [2048, 2048, 3072, 3072, 3072]}
    usual |= {"decoder_self_attention_heads": [8] * 5, "decoder_ende_attention_heads": [4] * 5}
    usual |= {"decoder_arbitrary_ende_attn": [-1, 1, 2, -1, -1]}
    return json.dumps({"encoder": encoder | {"encoder_self_attention_heads": [8] * 6}, "decoder": usual | decoder})


def test_published_count_of_the_usual_network_for_iwslt():
    """The Transformer of the authors' table, 31.54 M without the tables of tokens."""
    enc = {"encoder_embed_dim": 512, "encoder_layer_num": 6, "encoder_ffn_embed_dim": [1024] * 6}
    dec = {"decoder_embed_dim": 512, "decoder_layer_num": 6, "decoder_ffn_embed_dim": [1024] * 6}
    heads = {f"decoder_{kind}_attention_heads": [4] * 6 for kind in ("self", "ende")}
    dec |= heads | {"decoder_arbitrary_ende_attn": [-1] * 6}
    space = get_space("hat-iwslt")
    row = space.parse(json.dumps({"encoder": enc | {"encoder_self_attention_heads": [4] * 6}, "decoder": dec}))
    params = space.costs(row)["params"].item() - sum(space.task_of(None).vocabularies) * 512
    assert round(params / 1e6, 2) == 31.54


def test_published_count_without_tables_of_tokens():
    row = WMT.parse(config())
    params = WMT.costs(row)["params"].item()
    assert round((params - 2 * 32_768 * 512) / 1e6, 3) == 49.381
    with torch.device("meta"):
        assert sum(part.numel() for part in WMT.build(row[0]).parameters()) == params
    assert json.loads(WMT.format(row)[0]) == json.loads(config())


def test_heads_and_layers_attended_to_cost_no_parameters():
    rows = WMT.parse(
        [config(), config(decoder_ende_attention_heads=[8] * 5), config(decoder_arbitrary_ende_attn=[2] * 5)]
    )
    costs = WMT.costs(rows)
    assert len(set(costs["params"])) == 1
    assert costs["macs"][0] == costs["macs"][1] < costs["macs"][2]


def test_lists_may_be_longer_than_the_decoder():
    longer = {
        key: [*value, 0, "x"] for key, value in json.loads(config())["decoder"].items() if isinstance(value, list)
    }
    assert (WMT.parse(config(**longer)) == WMT.parse(config())).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder_layer_num": 7}, "'decoder_ffn_embed_dim' must be a list of 7 values"),
        ({"decoder_layer_num": "5"}, "dec_layers is '5'"),
        ({"decoder_embed_dim": 600}, r"dec_embed is 600, not one of \(512, 640\)"),
        ({"decoder_arbitrary_ende_attn": [0] * 5}, r"dec_arbitrary1 is 0, not one of \(-1, 1, 2\)"),
    ],
)
def test_malformed_text(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        WMT.parse(config(**changes))


def test_malformed_encoders():
    for bad, message in (
        ({"encoder": 3, "decoder": {}}, "expected"),
        ({**json.loads(config()), "encoder": {"encoder_layer_num": 5}}, "encoder_layer_num is 5, not 6"),
        ({**json.loads(config()), "encoder": {}}, "'encoder_ffn_embed_dim' must be a list of 6"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            WMT.parse(json.dumps(bad))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_attention_to_the_last_layers_of_the_encoder(layers):
    """It is attention to all their tokens, one behind the other, and the earlier layers do not matter."""
    torch.manual_seed(0)
    layer = CrossLayer(Cross(4, 6, 2, 8, layers)).double()
    states = [torch.randn(2, 3, 6, dtype=torch.float64) for _ in range(4)]
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    memory = torch.cat(states[4 - layers :], dim=1)
    q, k, v = layer.query(x), layer.key(memory), layer.value(memory)
    mixed = [(q[..., c] @ k[..., c].transpose(1, 2) / 2).softmax(-1) @ v[..., c] for c in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(layer(x, states), layer.norm(x + layer.out(torch.cat(mixed, dim=2))))
    torch.testing.assert_close(layer(x, [states[0] + 1, *states[1:]]), layer(x, states))


def test_what_is_written_later_is_not_seen_but_all_that_is_read():
    torch.manual_seed(0)
    network = WMT.build(WMT.parse(config())[0], TASK).eval()
    (source, target), _ = TASK.noise(1, torch.Generator().manual_seed(0))
    later, other = target.clone(), source.clone()
    later[0, 3], other[0, 5] = (target[0, 3] + 1) % 13, (source[0, 5] + 1) % 11
    usual = network(source, target)
    torch.testing.assert_close(network(source, later)[..., :3], usual[..., :3])
    assert (network(other, target) != usual).any(dim=1).all()


def test_other_tasks():
    for task in (Task(), Task((6,), outputs=(13, 6), dtype="int64", vocabulary=13)):
        with pytest.raises(InvalidInputError, match="Networks of space 'hat-wmt' translate: task"):
            WMT.build(WMT.sample(1, 0)[0], task)


def test_proxies_tell_networks_apart(scored):
    for name in ("hat-wmt", "hat-iwslt"):
        space = get_space(name)
        scored(space, TASK, space.sample(2, 0))
