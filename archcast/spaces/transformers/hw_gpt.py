"""HW-GPT-Bench: language models of GPT's kind, elastic in width, depth, heads and MLP ratio of each layer, and in biases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.errors import InvalidInputError
from archcast.spaces.base import Task, register
from archcast.spaces.transformers.layers import MLP, Attention, scaled
from archcast.spaces.transformers.model import Item, LanguageHead, Model, Norm, Residual, Tokens
from archcast.spaces.transformers.space import LONGEST_TEXT, TransformerSpace, by_depth, per_layer, size_by_depth

__all__ = ["HWGPT", "HWGPTLarge", "HWGPTMedium", "HWGPTSmall"]

PAPER = "Sukthanker et al. 2024, https://arxiv.org/abs/2405.10299"
HEAD, RATIOS = 64, (2, 3, 4)
VOCABULARY, CONTEXT = 50_254, 1_024


class HWGPT(TransformerSpace):
    """The space of HW-GPT-Bench (Sukthanker et al. 2024, https://arxiv.org/abs/2405.10299), in one of its sizes.

    A row holds the channels, the number of layers, then the MLP ratio (2, 3, 4) and then the number of heads of each layer,
    inactive, hence 0, beyond the depth, and whether linear layers have biases. The notation is the benchmark's,
    ``gpt-s-<layers>-<channels>-<ratios>-<heads>-<True or False>`` with hyphens between all numbers.

    The network: tokens without positions; layers whose attention and MLP work side by side, each after a norm; rotary
    positions in half of the channels of a head; norm; logits by the table of the tokens. Heads have 64 channels (``width``)
    whatever the channels of a token are. All rows are different functions.

    The benchmark's own number of parameters counts the table twice, as if the output had one of its own.
    """

    sizes: Mapping[str, int] = {"width": HEAD}
    tasks: Mapping[str, Task] = {
        "openwebtext": Task((CONTEXT,), outputs=(VOCABULARY, CONTEXT), dtype="int64", vocabulary=VOCABULARY)
    }
    letter: ClassVar[str] = "s"
    dims: ClassVar[tuple[int, ...]] = (192,)
    depths: ClassVar[tuple[int, ...]] = (10,)
    heads: ClassVar[tuple[int, ...]] = (4,)

    def __init_subclass__(cls, **arguments: Any) -> None:
        most = max(cls.depths)
        cls.values = {
            "embed_dim": cls.dims,
            "layers": cls.depths,
            **per_layer("mlp_ratio", RATIOS, most),
            **per_layer("num_heads", cls.heads, most),
            "bias": (False, True),
        }
        cls.conditions = by_depth(("mlp_ratio", "num_heads"), "layers", cls.depths)
        super().__init_subclass__(**arguments)

    # -- notation -----------------------------------------------------------------------------------------------------

    def _parse(self, text: str) -> list[int]:
        found = re.fullmatch(rf"gpt-{self.letter}((?:-\d{{1,6}})+)-(True|False)", text[:LONGEST_TEXT])
        numbers = [int(number) for number in found[1][1:].split("-")] if found else []
        layers = numbers[0] if numbers else 0
        if not found or len(numbers) != 2 + 2 * layers:
            raise InvalidInputError(
                f"expected gpt-{self.letter}-<layers>-<channels>-<a ratio for each layer>-<heads for each layer>-<True or False>"
            )
        known: dict[str, Any] = {"layers": layers, "embed_dim": numbers[1], "bias": found[2] == "True"}
        for kind, values in (("mlp_ratio", numbers[2 : 2 + layers]), ("num_heads", numbers[2 + layers :])):
            known |= {f"{kind}{layer}": value for layer, value in enumerate(values, start=1)}
        return self.row(known)

    def format(self, archs: ArrayLike) -> list[str]:
        known = {name: values.tolist() for name, values in self.settings(self.validate(archs)).items()}
        texts = []
        for i, layers in enumerate(known["layers"]):
            numbers = [layers, known["embed_dim"][i]]
            for kind in ("mlp_ratio", "num_heads"):
                numbers += [known[f"{kind}{layer}"][i] for layer in range(1, layers + 1)]
            texts.append("-".join(map(str, ["gpt", self.letter, *numbers, known["bias"][i]])))
        return texts

    # -- network ------------------------------------------------------------------------------------------------------

    def model(self, rows: NDArray[np.int64], task: Task) -> Model:
        sizes, known = self.text_sizes(task), self.settings(rows)
        head, bias = sizes["width"], known["bias"]
        width = scaled(known["embed_dim"], head, HEAD)
        body: list[Item] = []
        for layer in range(1, max(self.depths) + 1):
            heads = known[f"num_heads{layer}"]
            attention = Attention(
                width, heads, heads * head, bias=bias, bias_out=bias, causal=True, rotary=2 * (head // 4)
            )
            mlp = MLP(width, width * known[f"mlp_ratio{layer}"], bias=bias)
            body.append(Residual((attention, mlp), width, there=known["layers"] >= layer))
        vocabulary = sizes["vocabulary"]
        front = Tokens(vocabulary, width, sizes["tokens"])
        return Model(front, (*body, Norm(width)), LanguageHead(width, vocabulary))


@register(
    "hw-gpt-s",
    summary="language models of 192 to 768 channels, 10 to 12 layers: heads, MLP ratios, biases; 1.9e12 rows",
    paper=PAPER,
    size=size_by_depth(6, 9, (10, 11, 12)),
    buildable=True,
)
class HWGPTSmall(HWGPT):
    """HW-GPT-Bench's small space: 192, 384 or 768 channels, 10 to 12 layers of 4, 8 or 12 heads; see :class:`HWGPT`.

    Examples:
        The largest network, and what the benchmark says of it, with the table of 50,254 tokens twice:

        >>> space = HWGPTSmall()
        >>> largest = space.parse("gpt-s-12-768" + "-4" * 12 + "-12" * 12 + "-True")
        >>> params = space.costs(largest)["params"]
        >>> (params / 1e6).round(2).tolist(), ((params + 50_254 * 768) / 1e6).round(2).tolist()
        ([123.65], [162.25])
    """

    name, letter = "hw-gpt-s", "s"
    dims, depths, heads = (192, 384, 768), (10, 11, 12), (4, 8, 12)


@register(
    "hw-gpt-m",
    summary="language models of 256 to 1,024 channels, 22 to 24 layers: heads, MLP ratios, biases; 5.4e23 rows",
    paper=PAPER,
    size=size_by_depth(6, 9, (22, 23, 24)),
    buildable=True,
)
class HWGPTMedium(HWGPT):
    """HW-GPT-Bench's medium space: 256, 512 or 1,024 channels, 22 to 24 layers of 8, 12 or 16 heads; see :class:`HWGPT`."""

    name, letter = "hw-gpt-m", "m"
    dims, depths, heads = (256, 512, 1024), (22, 23, 24), (8, 12, 16)


@register(
    "hw-gpt-l",
    summary="language models of 320 to 1,280 channels, 34 to 36 layers: heads, MLP ratios, biases; 1.5e35 rows",
    paper=PAPER,
    size=size_by_depth(6, 9, (34, 35, 36)),
    buildable=True,
)
class HWGPTLarge(HWGPT):
    """HW-GPT-Bench's large space: 320, 640 or 1,280 channels, 34 to 36 layers of 8, 16 or 20 heads; see :class:`HWGPT`."""

    name, letter = "hw-gpt-l", "l"
    dims, depths, heads = (320, 640, 1280), (34, 35, 36), (8, 16, 20)
