"""Where a model attends, whatever its modules are called.

Attention is what it computes: scores, the product of two tensors that both depend on the data; their softmax; and the
product of the softmax with a third. An :class:`AttentionFinder` sees these three, or torch's
``scaled_dot_product_attention``, at the level of torch's functions, as :mod:`~archcast.proxies.machinery.tracing` shows
them. So ``nn.MultiheadAttention``, the attention of timm and of Hugging Face, eager or fused, and a softmax that is written
out are found alike. Attention without a softmax is not.

The finder also follows each tensor back to the weights it comes from: the projections of query, key and value are the last
weights before the scores and the values, the projection of the output is the first weight after. A sum with another
tensor, such as a residual connection, ends an attention.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.functions import CONVOLUTIONS, TRANSPOSED
from archcast.proxies.machinery.tracing import Call, Step

__all__ = ["NO_ATTENTION", "Attention", "AttentionFinder", "by_head"]

NO_ATTENTION = "no attention in this model: no softmax of products of the data, multiplied with the data"
MOST_PROJECTIONS = 2
"""Query, key or value may be put together from this many projections; what comes from more is not projected."""


@dataclass
class Attention:
    """One attention, all its heads.

    Attributes:
        peaks: ``(..., heads, queries)``, the largest attention weight of each query; ``(n, queries)`` without an axis of
            heads.
        output: attention weights times values.
    """

    peaks: Tensor
    output: Tensor


@dataclass
class _Note:
    """What is known of a tensor.

    Attributes:
        sources: ids of the last weights on its way; a negative number stands for an attention.
        scores: the sources of either factor, where the tensor is a product of tensors of data.
        peaks: the largest values of a softmax of scores, where the tensor is one; it keeps ``scores``.
    """

    sources: frozenset[int] = frozenset()
    scores: tuple[frozenset[int], ...] = ()
    peaks: Tensor | None = None


@dataclass
class AttentionFinder:
    """Give :meth:`call` and :meth:`step` to a tracer as ``on_call`` and ``on_step``.

    Attributes:
        on_attention: called with each attention when it is found.
        found: number of attentions.
        projections: ids of the weights of query, key, value and output.
        convolutions: ids of the weights of convolutions.
    """

    on_attention: Callable[[Attention], None] | None = None
    found: int = 0
    projections: set[int] = field(default_factory=set)
    convolutions: set[int] = field(default_factory=set)
    _notes: dict[int, tuple[weakref.ref[Tensor], _Note]] = field(default_factory=dict)
    _layered: bool = False

    def sources(self, tensor: Tensor) -> frozenset[int]:
        """Ids of the last weights that ``tensor`` comes from."""
        return self._note(tensor).sources

    def call(self, call: Call) -> None:
        """A weight is used."""
        if call.layer is None:
            return
        weight = id(call.layer.weight)
        if call.name in (*CONVOLUTIONS, *TRANSPOSED):
            self.convolutions.add(weight)
        operands = [value for value in (*call.args, *call.kwargs.values()) if isinstance(value, Tensor)]
        if any(sources and max(sources) < 0 for sources in map(self.sources, operands)):
            self.projections.add(weight)
        self._keep(call.output, _Note(frozenset({weight})))
        self._layered = True

    def step(self, step: Step) -> None:
        """A function has run."""
        if self._layered:  # the function used a weight, and its output is noted
            self._layered = False
            return
        notes = [self._note(tensor) for tensor in step.data]
        sources = frozenset(source for note in notes for source in note.sources)
        scored = next((note for note in notes if note.scores), _Note())
        if step.name == "scaled_dot_product_attention":
            note = self._attend(_fused_peaks(step), [note.sources for note in notes], step.output)
        elif step.product and len(notes) > 1 and scored.peaks is not None:
            others = [note.sources for note in notes if note.peaks is None]
            note = self._attend(scored.peaks, [*scored.scores, *others], step.output)
        elif step.product and len(notes) > 1:
            note = _Note(sources, tuple(note.sources for note in notes))
        elif step.name == "softmax" and scored.scores:
            note = _Note(sources, scored.scores, step.output.detach().amax(_axis(step)))
        else:
            note = _Note(sources, scored.scores, scored.peaks)
        outputs = [step.output] if isinstance(step.output, Tensor) else _tensors(step.output)
        for output in outputs if step.output is not None else step.data[:1]:
            self._keep(output, note)

    def _attend(self, peaks: Tensor, origins: list[frozenset[int]], output: Tensor) -> _Note:
        for sources in origins:
            if len(sources) <= MOST_PROJECTIONS:
                self.projections.update(source for source in sources if source >= 0)
        self.found += 1
        if self.on_attention is not None:
            self.on_attention(Attention(peaks, output))
        return _Note(frozenset({-self.found}))

    def _note(self, tensor: Tensor) -> _Note:
        reference, note = self._notes.get(id(tensor), (None, _Note()))
        return note if reference is not None and reference() is tensor else _Note()

    def _keep(self, tensor: Tensor, note: _Note) -> None:
        self._notes[id(tensor)] = (weakref.ref(tensor), note)


def by_head(values: Tensor, samples: int) -> Tensor:
    """``(..., heads, queries)`` as ``(samples, heads, rest)``: windows of a sample are put behind one another.

    Without an axis of heads, ``(n, queries)``, the heads of a sample are the n / samples rows that follow one another.

    Raises:
        ProxyFailure: if the first axis does not hold the samples.
    """
    lead = values.shape[0] if values.ndim > 1 else 1
    if lead % samples:
        raise ProxyFailure(f"an attention has {lead} rows, which are not those of {samples} samples")
    if values.ndim < 3:
        return values.reshape(samples, -1, values.shape[-1])
    return values.reshape(samples, -1, *values.shape[-2:]).transpose(1, 2).flatten(2)


def _fused_peaks(step: Step) -> Tensor:
    """The largest attention weight of each query, of torch's fused attention."""
    names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
    given: dict[str, Any] = dict(zip(names, step.args)) | dict(step.kwargs)
    query, key, mask = given["query"].detach(), given["key"].detach(), given.get("attn_mask")
    if key.ndim > 2 and query.ndim > 2 and key.shape[-3] != query.shape[-3]:  # heads that share their keys
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    scale = given.get("scale")
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if given.get("is_causal"):
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask.detach()
    return torch.softmax(scores, dim=-1).amax(-1)


def _axis(step: Step) -> int:
    axis = step.args[1] if len(step.args) > 1 and isinstance(step.args[1], int) else step.kwargs.get("dim")
    return -1 if axis is None else int(axis)


def _tensors(value: Any) -> list[Tensor]:
    return [item for item in value if isinstance(item, Tensor)] if isinstance(value, (tuple, list)) else []
