"""The pass for what activation functions get and give: how many directions the values span."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.attention import AttentionFinder
from archcast.proxies.machinery.channels import Channels
from archcast.proxies.machinery.functions import ACTIVATIONS, CLAMPS
from archcast.proxies.machinery.session import Session, reason
from archcast.proxies.machinery.tracing import Call
from archcast.proxies.machinery.witness import aside
from archcast.proxies.passes import makes

__all__ = ["NO_ACTIVATION", "NO_FEED_FORWARD", "effective_rank", "principal_dimension", "run"]

NO_ACTIVATION = "no activation function seen"
NO_FEED_FORWARD = "no feed-forward layer seen: no linear map of tokens whose output goes through an activation function"
EXPLAINED = 0.99
MOST_ROWS = 1024


@makes("activation_ranks", needs=("data",))
@makes("feed_forward_dimensions", needs=("data",))
def run(session: Session, wanted: frozenset[str]) -> dict[str, Any]:
    """Recordings:

    - ``activation_ranks``: list of pairs, the effective rank of what each activation function gets and of what it gives,
      as matrices (positions, channels) of as many rows as channels, at most 1,024: rows that follow one another, from a
      random one on, the same of both.
    - ``feed_forward_dimensions``: list with, for each feed-forward layer, the number of principal components of its
      hidden states (tokens, features) that explain 99 % of their variance. A hidden state is what a linear map of tokens
      gives to an activation function, projections of attention excepted.
    """
    return _Hidden(session, wanted).record()


class _Hidden:
    """The pass while it runs."""

    def __init__(self, session: Session, wanted: frozenset[str]) -> None:
        self.session, self.wanted = session, wanted
        self.rng = np.random.default_rng(session.seed)
        self.finder, self.channels = AttentionFinder(), Channels()
        self.ranks: list[tuple[float, float]] = []
        self.dimensions: list[tuple[int, int]] = []
        self.linear: set[int] = set()
        self.failures: dict[str, ProxyFailure] = {}

    def record(self) -> dict[str, Any]:
        batch = self.session.whole()
        replace = dict.fromkeys((*ACTIVATIONS, *CLAMPS), self.activation)
        tracer = self.session.tracer(on_call=self.layer, on_step=self.finder.step, replace=replace)
        with torch.no_grad():
            logits = self.session.forward(batch, tracer)
        if not bool(logits.isfinite().all()):
            raise ProxyFailure("the output of the model is not finite")
        dimensions = [size for weight, size in self.dimensions if weight not in self.finder.projections]
        found = {"activation_ranks": self.ranks, "feed_forward_dimensions": dimensions}
        return {name: self.failures.get(name, found[name]) for name in self.wanted}

    def layer(self, call: Call) -> None:
        self.finder.call(call)
        self.channels.follow(call)
        if call.layer is not None and call.name == "linear" and call.output.ndim > 2:
            self.linear.add(id(call.layer.weight))

    def activation(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Called in place of each activation function."""
        x = args[0] if args else kwargs.get("input")
        if not _bends(function.__name__, args, kwargs) or not isinstance(x, Tensor) or x.ndim < 2:
            return function(*args, **kwargs)
        with aside():
            self.attempt("feed_forward_dimensions", self.dimension, x)
            rows = self.rows(x)
            start = 0
            if "activation_ranks" in self.wanted:
                size = min(len(rows), rows.shape[1], MOST_ROWS)
                start = int(self.rng.integers(0, len(rows) - size + 1))
            before = self.attempt("activation_ranks", self.rank, rows, start)
        output = function(*args, **kwargs)
        with aside():
            after = self.attempt("activation_ranks", self.rank, self.rows(output), start)
            if before is not None and after is not None:
                self.ranks.append((before, after))
        return output

    def attempt(self, name: str, compute: Callable[..., Any], *args: Any) -> Any:
        """A number of a recording; what goes wrong is the failure of this recording alone."""
        if name not in self.wanted or name in self.failures:
            return None
        try:
            return compute(*args)
        except Exception as error:
            self.failures[name] = ProxyFailure(reason(error))
            return None

    def dimension(self, x: Tensor) -> None:
        sources = self.finder.sources(x)
        if len(sources) == 1 and sources <= self.linear and x.ndim > 2:
            self.dimensions.append((next(iter(sources)), principal_dimension(x.detach().flatten(0, -2))))

    def rows(self, values: Tensor) -> Tensor:
        """``(positions, channels)``."""
        axis = self.channels.axis_of(values) if values.ndim > 2 else 1
        return values.detach().movedim(axis, -1).flatten(0, -2)

    def rank(self, rows: Tensor, start: int) -> float:
        size = min(len(rows), rows.shape[1], MOST_ROWS)
        return effective_rank(rows[start : start + size])


def _bends(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call is that of an activation function: a clamp is one at 0 alone."""
    if name in ACTIVATIONS:
        return True
    bounds = [kwargs.get("min", args[1] if len(args) > 1 else None)]
    return not isinstance(bounds[0], Tensor) and bounds[0] == 0


def effective_rank(matrix: Tensor) -> float:
    """exp of the entropy of the singular values over their sum (Roy & Vetterli 2007); 0 for a matrix of zeros.

    Examples:
        >>> round(effective_rank(torch.eye(5)), 6)
        5.0
    """
    values = torch.linalg.svdvals(matrix.double())
    shares = values[values > 0] / values.sum()
    return float(torch.exp(-(shares * shares.log()).sum())) if len(shares) else 0.0


def principal_dimension(rows: Tensor) -> int:
    """Number of principal components of ``(n, d)`` rows that explain 99 % of their variance; 0 if they are all equal.

    Examples:
        >>> principal_dimension(torch.tensor([[1.0, 2.0, 5.0], [2.0, 4.0, 5.0], [3.0, 6.0, 5.0]]))
        1
    """
    centred = rows.double()
    centred = centred - centred.mean(dim=0)
    small = centred if len(centred) < centred.shape[1] else centred.t()
    variances = torch.linalg.eigvalsh(small @ small.t()).flip(0).clamp(min=0)
    if float(variances.sum()) == 0:
        return 0
    reached = variances.cumsum(0) / variances.sum() >= EXPLAINED
    return int(reached.int().argmax()) + 1
