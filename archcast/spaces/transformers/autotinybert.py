"""AutoTinyBERT: small BERTs whose layers are all alike: their number, channels, hidden channels, heads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, register
from archcast.spaces.conditional import Condition
from archcast.spaces.transformers.layers import MLP, Attention, scaled
from archcast.spaces.transformers.model import Classifier, Item, Model, Residual, Tokens
from archcast.spaces.transformers.space import TransformerSpace, dictionary

__all__ = ["AutoTinyBERT"]

LAYERS, HIDDEN, FFN = tuple(range(1, 9)), tuple(range(128, 769, 16)), tuple(range(132, 3073, 12))
HEAD, HEADS, TWELVE, QKV = 64, tuple(range(1, 13)), 12, tuple(range(180, 769, 12))
EXAMPLE = (
    '{"sample_layer_num": 4, "sample_hidden_size": 432, "sample_intermediate_sizes": [384, 384, 384, 384], '
    '"sample_num_attention_heads": [4, 4, 4, 4], "sample_qkv_sizes": [256, 256, 256, 256]}'
)


@register(
    "autotinybert",
    summary="BERTs of 1 to 8 equal layers: channels, hidden channels, heads or their channels; 4.9e6 rows",
    paper="Yin et al. 2021, https://arxiv.org/abs/2107.13686",
    size=len(LAYERS) * len(HIDDEN) * len(FFN) * (len(HEADS) + len(QKV) - 1),
    buildable=True,
)
class AutoTinyBERT(TransformerSpace):
    """AutoTinyBERT's space (Yin et al. 2021, https://arxiv.org/abs/2107.13686): encoders of texts whose layers are all alike.

    A row holds the number of layers (1 to 8), the channels (128 to 768 in steps of 16), the hidden channels of the MLP (132
    to 3,072 in steps of 12), whether heads have 64 channels or there are twelve heads; then the number of heads (1 to 12) in
    the first case, and the channels of all twelve (180 to 756 in steps of 12) in the second. The other of the two is
    inactive, hence 0.

    The notation is the authors' dictionary as JSON, with ``sample_layer_num``, ``sample_hidden_size``, and lists of one
    value a layer: ``sample_intermediate_sizes``, ``sample_num_attention_heads``, ``sample_qkv_sizes``. Twelve heads of 64
    channels are the first case.

    The network: tokens with positions and a norm, layers with norms after them, classifier of the first token. ``width``
    scales all channels; it is 64 in the paper.

    Examples:
        >>> space = AutoTinyBERT()
        >>> space.settings(space.parse(EXAMPLE))["num_heads"].tolist()
        [4]
    """

    name = "autotinybert"
    values = {
        "layers": LAYERS,
        "hidden": HIDDEN,
        "ffn": FFN,
        "twelve_heads": (False, True),
        "num_heads": HEADS,
        "qkv": tuple(size for size in QKV if size != TWELVE * HEAD),
    }
    conditions = (Condition("num_heads", "twelve_heads", (0,)), Condition("qkv", "twelve_heads", (1,)))
    sizes: Mapping[str, int] = {"width": HEAD}
    tasks: Mapping[str, Task] = {"glue": Task((128,), 2, dtype="int64", vocabulary=30_522)}

    def _parse(self, text: str) -> list[int]:
        found = dictionary(text, EXAMPLE)
        layers = found.get("sample_layer_num")
        known: dict[str, Any] = {"layers": layers, "hidden": found.get("sample_hidden_size")}
        for key, name in (
            ("sample_intermediate_sizes", "ffn"),
            ("sample_num_attention_heads", "num_heads"),
            ("sample_qkv_sizes", "qkv"),
        ):
            values = found.get(key)
            if not isinstance(values, list) or len(values) != layers or any(value != values[0] for value in values):
                raise InvalidInputError(f"{key!r} must be a list of one and the same value for each layer")
            known[name] = values[0] if values else None
        heads, qkv = known["num_heads"], known["qkv"]
        if isinstance(heads, int) and qkv == HEAD * heads:
            return self.row(known | {"twelve_heads": False, "qkv": self.values["qkv"][0]})
        if heads != TWELVE:
            raise InvalidInputError(
                f"{heads!r:.20} heads with {qkv!r:.20} channels: heads have {HEAD} channels, or there are {TWELVE} heads"
            )
        return self.row(known | {"twelve_heads": True, "num_heads": HEADS[0]})

    def format(self, archs: ArrayLike) -> list[str]:
        texts = []
        for row in zip(*(values.tolist() for values in self.settings(self.validate(archs)).values()), strict=True):
            layers, hidden, ffn, twelve, heads, qkv = row
            many, inner = (TWELVE, qkv) if twelve else (heads, HEAD * heads)
            lists = {"intermediate_sizes": ffn, "num_attention_heads": many, "qkv_sizes": inner}
            texts.append(
                json.dumps(
                    {"sample_layer_num": layers, "sample_hidden_size": hidden}
                    | {f"sample_{name}": [value] * layers for name, value in lists.items()}
                )
            )
        return texts

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        sizes, known = self.text_sizes(task, classes=True), self.settings(rows)
        head = sizes["width"]
        width, hidden = (scaled(known[name], head, HEAD) for name in ("hidden", "ffn"))
        heads = np.where(known["twelve_heads"], TWELVE, known["num_heads"])
        within = np.maximum(1, known["qkv"] // TWELVE * head // HEAD)
        inner = heads * np.where(known["twelve_heads"], within, head)
        front = Tokens(sizes["vocabulary"], width, sizes["tokens"], positions=True, norm=True)
        body: list[Item] = []
        for layer in LAYERS:
            there = known["layers"] >= layer
            body += [
                Residual((Attention(width, heads, inner),), width, "post", there=there),
                Residual((MLP(width, hidden),), width, "post", there=there),
            ]
        return Model(front, tuple(body), Classifier(width, sizes["classes"]))
