"""FlexiBERT: encoders of two or four layers, each with an operation, heads, channels and an MLP of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, register
from archcast.spaces.conditional import Condition
from archcast.spaces.transformers.layers import Attention, DeepMLP, DynamicConv, Layer, Waves, scaled
from archcast.spaces.transformers.model import Classifier, Item, Model, Project, Residual, Tokens
from archcast.spaces.transformers.space import TransformerSpace, by_depth, dictionary

__all__ = ["FlexiBERT"]

DEPTHS = (2, 4)
OPS = ("sa_sdp", "sa_wma", "lt_dft", "lt_dct", "dsc_5", "dsc_9")
HEADS, HIDDEN, STACKS, FFN, USUAL = (2, 4), (128, 256), (1, 3), (512, 1024), 64
MOST = max(STACKS)
KINDS = ("op", "heads", "hidden", "stacks", *(f"ffn{k}_" for k in range(1, MOST + 1)))
EXAMPLE = '{"l": 2, "o": ["sa_sdp", "dsc_5"], "h": [128, 256], "n": [2, 4], "f": [[512], [512, 1024, 512]]}'


@register(
    "flexibert",
    summary="encoders of texts of 2 or 4 layers: operation, heads, channels, MLP of each; 3.3e9 rows",
    paper="Tuli et al. 2022, https://arxiv.org/abs/2205.11656",
    size=240**2 + 240**4,
    buildable=True,
)
class FlexiBERT(TransformerSpace):
    """FlexiBERT's space (Tuli et al. 2022, https://arxiv.org/abs/2205.11656): encoders whose layers differ.

    A row holds the number of layers (2, 4) and, for each, the operation, the number of heads (2, 4), the channels (128,
    256), the number of hidden layers of its MLP (1, 3) and the channels of each (512, 1024). Operations: attention with
    scaled products (``sa_sdp``), or with a matrix between queries and keys that all heads share, as in the authors' code
    (``sa_wma``), transforms without weights (``lt_dft``, ``lt_dct``), convolutions whose kernels depend on the tokens
    (``dsc_5``, ``dsc_9``). What a row does not have is inactive, hence 0.

    The notation is the authors' dictionary as JSON, with lists for layers: ``l`` layers, ``o`` operations, ``h`` channels,
    ``n`` heads, ``f`` hidden channels.

    The network: tokens with positions and a norm, a linear layer wherever the number of channels changes, layers with norms after
    them, classifier of the first token. ``width`` scales all channels; it is 64 in the paper. All rows are different functions.

    Examples:
        >>> space = FlexiBERT()
        >>> space.format(space.parse(EXAMPLE)) == [EXAMPLE]
        True
    """

    name = "flexibert"
    values = {
        "layers": DEPTHS,
        **{
            f"{kind}{layer}": dict(zip(KINDS, (OPS, HEADS, HIDDEN, STACKS, *[FFN] * MOST), strict=True))[kind]
            for layer in range(1, max(DEPTHS) + 1)
            for kind in KINDS
        },
    }
    conditions = (
        *by_depth(KINDS, "layers", DEPTHS),
        *(Condition(f"ffn{k}_{n}", f"stacks{n}", (1,)) for n in range(1, max(DEPTHS) + 1) for k in range(2, MOST + 1)),
    )
    sizes: Mapping[str, int] = {"width": USUAL}
    tasks: Mapping[str, Task] = {"glue": Task((128,), 2, dtype="int64", vocabulary=50_265)}

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        found = dictionary(text, EXAMPLE)
        layers = found.get("l")
        if layers not in DEPTHS or isinstance(layers, bool):
            raise InvalidInputError(f"l is {str(layers)[:20]}, not one of {DEPTHS}")
        known: dict[str, Any] = {"layers": layers}
        for key, kind in (("o", "op"), ("h", "hidden"), ("n", "heads"), ("f", "")):
            values = found.get(key)
            if not isinstance(values, list) or len(values) != layers:
                raise InvalidInputError(f"{key!r} must be a list of {layers} values, one for each layer")
            for layer, value in enumerate(values, start=1):
                if kind:
                    known[f"{kind}{layer}"] = value
                    continue
                if not isinstance(value, list) or len(value) not in STACKS:
                    raise InvalidInputError(f"'f' must hold lists of {STACKS[0]} or {STACKS[1]} numbers")
                known[f"stacks{layer}"] = len(value)
                known |= {f"ffn{k}_{layer}": channels for k, channels in enumerate(value, start=1)}
        return self.row(known)

    def format(self, archs: ArrayLike) -> list[str]:
        known = {name: values.tolist() for name, values in self.settings(self.validate(archs)).items()}
        texts = []
        for i, layers in enumerate(known["layers"]):
            numbers = range(1, layers + 1)
            lists = {
                key: [known[f"{kind}{k}"][i] for k in numbers]
                for key, kind in (("o", "op"), ("h", "hidden"), ("n", "heads"))
            }
            hidden = [[known[f"ffn{s}_{k}"][i] for s in range(1, known[f"stacks{k}"][i] + 1)] for k in numbers]
            texts.append(json.dumps({"l": layers, **lists, "f": hidden}))
        return texts

    # -- network ------------------------------------------------------------------------------------------------------

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        sizes, known = self.text_sizes(task, classes=True), self.settings(rows)
        unit = sizes["width"]
        width = _multiple(known["hidden1"], unit)
        front = Tokens(sizes["vocabulary"], width, sizes["tokens"], positions=True, norm=True)
        body: list[Item] = []
        for n in range(1, max(DEPTHS) + 1):
            there, heads = known["layers"] >= n, known[f"heads{n}"]
            wide = np.where(there, _multiple(known[f"hidden{n}"], unit), width)
            body.append(Project(width, wide, there=there & (wide != width)))
            width = wide
            layers: list[Layer] = [
                Attention(width, heads, width),
                Attention(width, heads, width, weighted=True),
                Waves(width, heads),
                Waves(width, heads, cosine=True),
                *(DynamicConv(width, heads, kernel) for kernel in (5, 9)),
            ]
            op = known[f"op{n}"]
            body += [
                Residual((layer,), width, "post", there=there & (op == name))
                for name, layer in zip(OPS, layers, strict=True)
            ]
            hidden = tuple(scaled(known[f"ffn{k}_{n}"], unit, USUAL) for k in range(1, MOST + 1))
            body.append(Residual((DeepMLP(width, hidden, known[f"stacks{n}"]),), width, "post", there=there))
        return Model(front, tuple(body), Classifier(width, sizes["classes"]))


def _multiple(channels: NDArray[np.int64], unit: int) -> NDArray[np.int64]:
    """Channels where the paper's 64 become ``unit``: multiples of four, the largest number of heads."""
    out: NDArray[np.int64] = 4 * np.maximum(1, channels * unit // (4 * USUAL))
    return out
