"""NAS-BERT: 24 layers of attention, MLP or separable convolution, each with a number of channels of its own, or left out."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.graphs import ATTENTION, CONVOLUTION, IDENTITY, Operation
from archcast.spaces.base import Task, register
from archcast.spaces.chains import ChainSpace
from archcast.spaces.transformers.layers import MLP, Attention, Layer, SeparableConv, scaled
from archcast.spaces.transformers.model import Classifier, Item, Model, Project, Residual, Tokens
from archcast.spaces.transformers.space import TransformerSpace, per_layer

__all__ = ["NASBERT"]

LAYERS, HIDDEN, HEAD = 24, (128, 192, 256, 384, 512), 64
KINDS = ("mha", "ffn", "sep3", "sep5", "sep7")
OPS = (*(f"{kind}_{hidden}" for kind in KINDS for hidden in HIDDEN), "identity")
IDENTITY_OP = len(OPS) - 1
WIDEST = max(HIDDEN)


def _operation(kind: str, hidden: int) -> Operation:
    """What an operation does, in units of a linear layer of the widest."""
    share = (hidden / WIDEST) ** 2
    if kind == "mha":
        return Operation(ATTENTION, weight=4 * share, reach=512)
    if kind == "ffn":
        return Operation(CONVOLUTION, weight=8 * share, reach=1)
    return Operation(CONVOLUTION, weight=share, reach=int(kind[-1]))


@register(
    "nas-bert",
    summary="24 layers of attention, MLP or separable convolution of 128 to 512 channels, or left out; 9.1e33 rows",
    paper="Xu et al. 2021, https://arxiv.org/abs/2105.14444",
    size=len(OPS) ** LAYERS,
    buildable=True,
)
class NASBERT(ChainSpace, TransformerSpace):
    """NAS-BERT's space (Xu et al. 2021, https://arxiv.org/abs/2105.14444): encoders of texts.

    A row holds one of 26 operations for each of 24 layers: attention (``mha``), MLP (``ffn``) or separable convolution of
    kernel 3, 5, 7 (``sep3``), each with 128, 192, 256, 384 or 512 channels; or ``identity``. The notation is the operations
    with ``|`` between them, ``mha_512|ffn_512|identity|...``.

    The network: tokens of 512 channels (64 to 512 in what the paper found) with positions and a norm; layers with norms after
    them, heads of 64 channels (``width``), four times as many channels within an MLP; a linear layer wherever the number of
    channels changes; classifier of the first token. Where a layer is left out makes no difference: ``canonical`` moves identities
    to the end.

    Examples:
        >>> space = NASBERT()
        >>> row = space.parse("identity|mha_512|ffn_512" + "|identity" * 21)
        >>> space.format(space.canonical(row))[0][:24]
        'mha_512|ffn_512|identity'
    """

    name = "nas-bert"
    has_graph = True
    operations: Mapping[str, Operation] = {
        **{f"{kind}_{hidden}": _operation(kind, hidden) for kind in KINDS for hidden in HIDDEN},
        "identity": Operation(IDENTITY),
    }
    values = per_layer("layer", OPS, LAYERS)
    sizes: Mapping[str, int] = {"width": HEAD}
    tasks: Mapping[str, Task] = {"glue": Task((128,), 2, dtype="int64", vocabulary=30_522)}

    def function_keys(self, archs: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows with identities at the end."""
        return np.take_along_axis(archs, np.argsort(archs == IDENTITY_OP, axis=1, kind="stable"), axis=1)

    def canonical(self, archs: ArrayLike) -> NDArray[np.int64]:
        """The rows with identities at the end."""
        return self.function_keys(self.validate(archs))

    def _parse(self, text: str) -> list[int]:
        parts = re.split(r"\|", text)
        if len(parts) != LAYERS:
            raise InvalidInputError(f"expected {LAYERS} operations with | between them, got {len(parts)}")
        wrong = next((part for part in parts if part not in OPS), None)
        if wrong is not None:
            raise InvalidInputError(f"{wrong[:20]!r} is no operation such as mha_512, ffn_128, sep3_256, identity")
        return [OPS.index(part) for part in parts]

    def format(self, archs: ArrayLike) -> list[str]:
        return ["|".join(OPS[op] for op in row) for row in self.validate(archs).tolist()]

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        sizes = self.text_sizes(task, classes=True)
        head = sizes["width"]
        table = scaled(np.array([*HIDDEN * len(KINDS), WIDEST]), head, HEAD)
        many = np.array([hidden // HEAD for hidden in (*HIDDEN * len(KINDS), WIDEST)])
        width = np.full(len(rows), scaled(WIDEST, head, HEAD))
        front = Tokens(sizes["vocabulary"], width, sizes["tokens"], positions=True, norm=True)
        body: list[Item] = []
        for op in rows.T:
            there, kind, wide = op != IDENTITY_OP, op // len(HIDDEN), table[op]
            body.append(Project(width, wide, there=there & (wide != width)))
            width = np.where(there, wide, width)
            layers: list[Layer] = [
                Attention(width, many[op], many[op] * head),
                MLP(width, 4 * width),
                *(SeparableConv(width, kernel) for kernel in (3, 5, 7)),
            ]
            body += [Residual((layer,), width, "post", there=there & (kind == k)) for k, layer in enumerate(layers)]
        return Model(front, tuple(body), Classifier(width, sizes["classes"]))
