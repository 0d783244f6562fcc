"""HAT: translators with elastic widths, heads, hidden channels and decoder, which attends to one to three encoder layers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, register
from archcast.spaces.transformers.layers import MLP, Attention, scaled
from archcast.spaces.transformers.model import LanguageHead, Residual, Tokens
from archcast.spaces.transformers.space import TransformerSpace, by_depth, dictionary, layer_values, per_layer
from archcast.spaces.transformers.translator import Cross, Translator

if TYPE_CHECKING:
    import torch

__all__ = ["HAT", "HATIWSLT", "HATWMT"]

PAPER = "Wang et al. 2020, https://arxiv.org/abs/2005.14187"
EMBED, LAYERS, HEAD = (512, 640), 6, 64
INNER = 8
"""Heads of 64 channels that queries, keys and values have in all, whatever the number of heads is."""
SPANS = (-1, 1, 2)
"""-1 attends to the last layer of the encoder, 1 also to the one before it, 2 to the last three."""
SIDES: dict[str, dict[str, str]] = {
    "encoder": {"encoder_ffn_embed_dim": "enc_ffn", "encoder_self_attention_heads": "enc_heads"},
    "decoder": {
        "decoder_ffn_embed_dim": "dec_ffn",
        "decoder_self_attention_heads": "dec_self_heads",
        "decoder_ende_attention_heads": "dec_cross_heads",
        "decoder_arbitrary_ende_attn": "dec_arbitrary",
    },
}
"""Keys of the published dictionaries -> columns."""
EXAMPLE = '{"encoder": {"encoder_embed_dim": 512, ...}, "decoder": {"decoder_embed_dim": 512, ...}}'
SIZE = 2 * 6**6 * 2 * sum(36**depth for depth in range(1, LAYERS + 1))


class HAT(TransformerSpace):
    """The space of HAT (Wang et al. 2020, https://arxiv.org/abs/2005.14187), in one of its versions.

    A row holds the channels of the encoder, and of each of its six layers the hidden channels and the heads; the channels
    and the number of layers of the decoder, and of each layer the hidden channels, the heads of both attentions, and which
    encoder layers it attends to: -1 to the last, 1 to the last two, 2 to the last three. Decisions of missing layers are
    inactive, hence 0.

    The notation is the authors' dictionary as JSON, with the parts ``encoder`` (``encoder_embed_dim``, ``encoder_layer_num``,
    ``encoder_ffn_embed_dim``, ...) and ``decoder``; lists may be longer than the number of layers.

    The network: norms after each layer, queries and keys of 512 channels whatever the heads are, the output with the weights
    of the decoder's table. Published numbers of parameters leave the tables of tokens out. All rows are different functions.
    """

    sizes: Mapping[str, int] = {"width": HEAD}
    ffn: ClassVar[tuple[int, ...]] = (1024,)
    heads: ClassVar[tuple[int, ...]] = (4,)

    def __init_subclass__(cls, **arguments: Any) -> None:
        cls.values = {
            "enc_embed": EMBED,
            **per_layer("enc_ffn", cls.ffn, LAYERS),
            **per_layer("enc_heads", cls.heads, LAYERS),
            "dec_embed": EMBED,
            "dec_layers": tuple(range(1, LAYERS + 1)),
            **per_layer("dec_ffn", cls.ffn, LAYERS),
            **per_layer("dec_self_heads", cls.heads, LAYERS),
            **per_layer("dec_cross_heads", cls.heads, LAYERS),
            **per_layer("dec_arbitrary", SPANS, LAYERS),
        }
        cls.conditions = by_depth(tuple(SIDES["decoder"].values()), "dec_layers", cls.values["dec_layers"])
        super().__init_subclass__(**arguments)

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        found = dictionary(text, EXAMPLE)
        encoder, decoder = (found.get(side) for side in SIDES)
        if not isinstance(encoder, dict) or not isinstance(decoder, dict):
            raise InvalidInputError(f"expected {EXAMPLE}")
        if encoder.get("encoder_layer_num", LAYERS) != LAYERS:
            raise InvalidInputError(f"encoder_layer_num is {str(encoder['encoder_layer_num'])[:20]}, not {LAYERS}")
        layers = decoder.get("decoder_layer_num")
        known = {
            "enc_embed": encoder.get("encoder_embed_dim"),
            "dec_embed": decoder.get("decoder_embed_dim"),
            "dec_layers": layers,
        }
        for part, many, names in ((encoder, LAYERS, SIDES["encoder"]), (decoder, layers, SIDES["decoder"])):
            for key, name in names.items():
                known |= layer_values(part, key, many, name)
        return self.row({name: known[name] for name in self.columns if name in known})

    def format(self, archs: ArrayLike) -> list[str]:
        known = {name: values.tolist() for name, values in self.settings(self.validate(archs)).items()}
        texts = []
        for i, layers in enumerate(known["dec_layers"]):
            sides = {
                side: {f"{side}_embed_dim": known[f"{side[:3]}_embed"][i], f"{side}_layer_num": many}
                | {key: [known[f"{name}{k}"][i] for k in range(1, many + 1)] for key, name in SIDES[side].items()}
                for side, many in (("encoder", LAYERS), ("decoder", layers))
            }
            texts.append(json.dumps(sides))
        return texts

    # -- network ------------------------------------------------------------------------------------------------------

    def translator(self, rows: NDArray[np.int64], task: Task) -> Translator:
        """The networks of ``(n, d)`` valid rows.

        Raises:
            InvalidInputError: the task is no translation.
        """
        lengths, words = [shape[0] for shape in task.shapes], task.vocabularies
        if len(lengths) != 2 or None in words or task.outputs != (words[1], lengths[1]) or task.loss != "cross_entropy":
            raise InvalidInputError(
                f"Networks of space {self.name!r} translate: task.shape must be ((source length,), (target length,)) of int64 "
                f"with two vocabularies, task.outputs (target vocabulary, target length); got shape {task.shape!r}, vocabulary "
                f"{task.vocabulary!r}, outputs {task.outputs!r}."
            )
        known, head = self.settings(rows), self.size_of(task)["width"]
        inner = INNER * head
        encoder: list[Residual] = []
        decoder: list[Residual | Cross] = []
        read, written = (scaled(known[f"{side}_embed"], head, HEAD) for side in ("enc", "dec"))
        for k in range(1, LAYERS + 1):
            encoder += [
                Residual((Attention(read, known[f"enc_heads{k}"], inner),), read, "post"),
                Residual((MLP(read, scaled(known[f"enc_ffn{k}"], head, HEAD), "relu"),), read, "post"),
            ]
            there = known["dec_layers"] >= k
            spans = np.maximum(known[f"dec_arbitrary{k}"], 0) + 1
            decoder += [
                Residual(
                    (Attention(written, known[f"dec_self_heads{k}"], inner, causal=True),), written, "post", there=there
                ),
                Cross(written, read, known[f"dec_cross_heads{k}"], inner, spans, there=there),
                Residual(
                    (MLP(written, scaled(known[f"dec_ffn{k}"], head, HEAD), "relu"),), written, "post", there=there
                ),
            ]
        source, target = (
            Tokens(int(vocabulary or 0), width, length, waves=True)
            for vocabulary, width, length in zip(words, (read, written), lengths, strict=True)
        )
        return Translator(source, tuple(encoder), target, tuple(decoder), LanguageHead(written, target.vocabulary))

    def costs(
        self, archs: ArrayLike, convention: str = "macs", *, task: Task | str | None = None, pruned: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        rows = self.validate(archs)
        return self.translator(rows, self.task_of(task)).costs(len(rows), convention)

    def build(self, arch: ArrayLike, task: Task | str | None = None, *, pruned: bool = False) -> torch.nn.Module:
        """The network of one row, with two inputs: the text that is read and the one that is written.

        No part of it is dead, so ``pruned`` changes nothing.
        """
        from archcast.spaces.transformers.translator_network import TranslatorNetwork

        row = self.validate(arch, allow_empty=False)[:1]
        return TranslatorNetwork(self.translator(row, self.task_of(task)).of(0))


def _task(source: int, target: int, length: int) -> Task:
    return Task(((length,), (length,)), outputs=(target, length), dtype=("int64", "int64"), vocabulary=(source, target))


@register(
    "hat-wmt",
    summary="translators: widths, heads, hidden channels, decoder of 1 to 6 layers, encoder layers attended to; 4.2e14 rows",
    paper=PAPER,
    size=SIZE,
    buildable=True,
)
class HATWMT(HAT):
    """HAT's space for the WMT tasks: hidden channels of 1,024, 2,048 or 3,072, 4 or 8 heads; see :class:`HAT`.

    Examples:
        A network of the authors' table, 49.38 M without tables of tokens:

        >>> import json
        >>> encoder = {"encoder_embed_dim": 512, "encoder_ffn_embed_dim": [3072] * 6, "encoder_self_attention_heads": [8] * 6}
        >>> decoder = {"decoder_embed_dim": 512, "decoder_layer_num": 5, "decoder_ffn_embed_dim": [2048, 2048, 3072, 3072, 3072]}
        >>> decoder |= {f"decoder_{kind}_attention_heads": [8] * 5 for kind in ("self", "ende")}
        >>> decoder |= {"decoder_arbitrary_ende_attn": [-1] * 5}
        >>> space = HATWMT()
        >>> params = space.costs(space.parse(json.dumps({"encoder": encoder, "decoder": decoder})))["params"]
        >>> ((params - 2 * 32_768 * 512) / 1e6).round(3).tolist()
        [49.381]
    """

    name = "hat-wmt"
    ffn, heads = (1024, 2048, 3072), (4, 8)
    tasks: Mapping[str, Task] = {"wmt14-en-de": _task(32_768, 32_768, 30)}


@register(
    "hat-iwslt",
    summary="translators: widths, heads, hidden channels, decoder of 1 to 6 layers, encoder layers attended to; 4.2e14 rows",
    paper=PAPER,
    size=SIZE,
    buildable=True,
)
class HATIWSLT(HAT):
    """HAT's space for IWSLT: hidden channels of 512, 1,024 or 2,048, 2 or 4 heads; see :class:`HAT`."""

    name = "hat-iwslt"
    ffn, heads = (512, 1024, 2048), (2, 4)
    tasks: Mapping[str, Task] = {"iwslt14-de-en": _task(8_848, 6_632, 23)}
