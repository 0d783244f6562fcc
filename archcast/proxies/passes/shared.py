"""The shared pass: one forward pass, the gradient of the loss and the gradient of the summed logits with respect to the
input.

Everything that the classical proxies need is gathered while these run: rectifier codes as they appear, channel
saliencies as the gradients arrive. The gradient with respect to the input shares the forward pass and computes no
gradient of a weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from archcast.errors import InvalidInputError
from archcast.proxies.base import ProxyFailure
from archcast.proxies.machinery.agreement import Agreement
from archcast.proxies.machinery.autograd import gradients_of, leaves_of
from archcast.proxies.machinery.curvature import Curvature
from archcast.proxies.machinery.inputs import Batch
from archcast.proxies.machinery.session import ModelError, Session, reason
from archcast.proxies.machinery.tracing import Call, Layer, Watched, by_sample
from archcast.proxies.passes import makes

__all__ = ["NO_PATH", "Saliency", "run"]

NO_PATH = "no path from input to output"
LOSS = frozenset({"loss_gradients", "saliencies", "curvature"})
FLOW = LOSS | {"input_gradients"}


@dataclass
class Saliency:
    """Of one layer output: the sums over positions of activation times gradient.

    Attributes:
        sums: ``(samples, channels)``.
        fan_in: number of weights of one channel.
    """

    sums: Tensor
    fan_in: int


@makes("layers", needs=("data",))
@makes("macs", needs=("data",))
@makes("reached", needs=("data",))
@makes("agreement", needs=("data",))
@makes("loss_gradients", needs=("data", "labels", "gradients"))
@makes("saliencies", needs=("data", "labels", "gradients"))
@makes("curvature", needs=("data", "labels", "gradients"))
@makes("input_gradients", needs=("data", "gradients"))
@makes("labels", needs=("data", "labels"))
@makes("classes", needs=("data",))
def run(session: Session, wanted: frozenset[str]) -> dict[str, Any]:
    """Recordings:

    - ``layers``: the weights that convolutions, linear maps and the like use.
    - ``macs``: multiply-accumulates for one sample.
    - ``reached``: ids of the parameters that the logits depend on.
    - ``agreement``: :class:`~archcast.proxies.machinery.agreement.Agreement`.
    - ``loss_gradients``: ``[(weight, gradient)]``.
    - ``saliencies``: ``[Saliency]``.
    - ``curvature``: sum of w (H g) over the weights.
    - ``input_gradients``: ``(samples, inputs)``, gradient of the summed logits.
    - ``labels``: ``(samples,)``.
    - ``classes``: number of outputs.
    """
    try:
        return _SharedPass(session, wanted).record()
    except ModelError as error:
        if "curvature" not in wanted or session.memory_format == torch.channels_last:
            raise
        # the functions that the curvature is computed by may be what the model does not bear: it fails alone
        found = _SharedPass(session, wanted - {"curvature"}).record()
        return found | {"curvature": ProxyFailure(reason(error))}


class _SharedPass:
    """The pass while it runs; with micro-batches, its sums over them."""

    def __init__(self, session: Session, wanted: frozenset[str]) -> None:
        self.session = session
        self.wanted = set(wanted)
        self.failures: dict[str, ProxyFailure] = {}
        self.macs = 0.0
        self.reached: set[int] = set()
        self.layers: list[Layer] = []
        self.gradients: list[Tensor | None] = []
        self.sums: list[list[Tensor]] = []
        self.fans: list[int] = []
        self.calls = 0
        self.collecting = False
        self.input_gradients: list[Tensor] = []
        self.curvature = 0.0
        self.classes = 1

    def fail(self, names: frozenset[str], why: str) -> None:
        """Give up on some of the recordings."""
        for name in names & self.wanted:
            self.failures[name] = ProxyFailure(why)
        self.wanted -= names

    def record(self) -> dict[str, Any]:
        if self.session.targets is None:
            self.fail(frozenset({"labels"}), "needs labels: pass targets=")
        if LOSS & self.wanted and not self.session.has_loss:
            self.fail(LOSS, "needs labels: pass targets=")
        if self.session.doubt:
            self.fail(frozenset({"macs", "input_gradients", "saliencies", "agreement"}), self.session.doubt)
        pieces = list(self.session.pieces())
        agreement = None
        if "agreement" in self.wanted:
            second = self.session.batch.axis == 1
            agreement = Agreement(self.session.batch.size, pieces=len(pieces) > 1, sequence_first=second)
        for rows, piece in pieces:
            if agreement is not None:
                agreement.begin(rows.start, piece.size)
            self.first_order(rows, piece, agreement, alone=len(pieces) == 1)
        if "curvature" in self.wanted and len(pieces) > 1:
            for rows, piece in pieces:
                if "curvature" not in self.wanted:
                    break
                try:
                    self.second_order(rows, piece)
                except Exception as error:
                    self.fail(frozenset({"curvature"}), reason(error))
        if len(pieces) > 1 and not any(bool(g.any()) for g in self.gradients if g is not None):
            self.fail(LOSS, "every gradient of the loss is exactly 0: the loss does not depend on the weights")
        found: dict[str, Any] = {
            "layers": [layer.weight.detach() for layer in self.layers],
            "macs": self.macs / self.session.batch.size,
            "reached": self.reached,
            "agreement": agreement,
            "loss_gradients": [
                (layer.weight.detach(), g) for layer, g in zip(self.layers, self.gradients) if g is not None
            ],
            "saliencies": [Saliency(torch.cat(sums), fan) for sums, fan in zip(self.sums, self.fans) if sums],
            "curvature": self.curvature,
            "input_gradients": torch.cat(self.input_gradients) if self.input_gradients else None,
            "labels": self.session.targets,
            "classes": self.classes,
        }
        return {name: found[name] for name in self.wanted} | self.failures

    def first_order(self, rows: slice, piece: Batch, agreement: Agreement | None, *, alone: bool) -> None:
        """Forward pass and both gradients of one micro-batch."""
        curvature = Curvature() if "curvature" in self.wanted and alone else None
        self.calls = 0
        with torch.set_grad_enabled(bool(self.wanted & (FLOW | {"reached", "layers"}))):
            inputs, leaves = piece.leaves()
            tracer = self.session.tracer(
                leaves,
                on_call=self.follow(piece.size) if "saliencies" in self.wanted else None,
                on_rectifier=None if agreement is None else self.codes(agreement),
                replace=None if curvature is None else curvature.replacements,
            )
            logits = self.session.forward(inputs, tracer)
        self.layers = tracer.layers
        self.classes = int(logits.shape[1]) if logits.ndim > 1 else 1
        self.macs += tracer.macs
        if tracer.fault:
            self.fail(LOSS | {"macs", "layers"}, tracer.fault)
        if "agreement" in self.wanted and not bool(logits.detach().isfinite().all()):
            self.fail(frozenset({"agreement"}), "the output of the model is not finite")
        if tracer.coupled and not alone:
            why = "batch normalisation ties the samples together, so micro-batches would change the score"
            self.fail(FLOW | {"agreement"}, why)
        self.reached = leaves_of(logits)
        if leaves and not any(id(leaf) in self.reached for leaf in leaves):
            self.fail(FLOW, NO_PATH)
        if "input_gradients" in self.wanted:
            sources = self.sources(piece, leaves, tracer.embedded)
            try:
                self.differentiate_inputs(logits, sources, piece.size, retain=bool(self.wanted & LOSS))
            except Exception as error:
                self.fail(frozenset({"input_gradients"}), reason(error))
        if self.wanted & LOSS:
            self.differentiate_loss(logits, rows, curvature, alone=alone)

    def codes(self, agreement: Agreement) -> Callable[[Tensor], None]:
        """A callback that takes the codes of a rectifier's output; if it cannot, the agreement fails alone."""

        def seen(output: Tensor) -> None:
            try:
                if "agreement" in self.wanted:
                    agreement.add(output)
            except Exception as error:
                self.fail(frozenset({"agreement"}), reason(error))

        return seen

    @staticmethod
    def sources(piece: Batch, leaves: list[Tensor], embedded: list[Tensor]) -> list[tuple[Tensor, int]]:
        """What to differentiate with respect to, each with the axis of its samples."""
        if not leaves:
            return [(t, piece.axis) for t in embedded if t.ndim > piece.axis and t.shape[piece.axis] == piece.size]
        axes = [axis for axis, tensor in zip(piece.axes, piece.tensors()) if tensor.is_floating_point()]
        return [(leaf, axis) for leaf, axis in zip(leaves, axes) if axis is not None]

    def differentiate_inputs(
        self, logits: Tensor, sources: list[tuple[Tensor, int]], samples: int, *, retain: bool
    ) -> None:
        """Add the rows of the input gradient."""
        if not sources:
            self.fail(frozenset({"input_gradients"}), "no input with a row of real numbers for each sample")
            return
        tensors = [tensor for tensor, _ in sources]
        gradients = torch.autograd.grad(logits.sum(), tensors, retain_graph=retain, allow_unused=True)
        rows = [
            gradient.movedim(axis, 0).reshape(samples, -1).double()
            for gradient, (_, axis) in zip(gradients, sources)
            if gradient is not None
        ]
        self.input_gradients.append(torch.cat(rows, dim=1))

    def differentiate_loss(self, logits: Tensor, rows: slice, curvature: Curvature | None, *, alone: bool) -> None:
        """Add the gradients of the loss, and what is gathered on their way."""
        try:
            loss = self.session.loss_of(logits, rows) * self.session.share(rows)
            self.collecting = True
            gradients = gradients_of(loss, self.layers, create_graph=curvature is not None, zero=not alone)
        except InvalidInputError:  # wrong labels: the caller's to mend
            raise
        except Exception as error:
            self.fail(LOSS, reason(error))
            return
        finally:
            self.collecting = False
        if curvature is not None:
            self.bend(curvature, self.layers, gradients, gradients)
        if not self.gradients:
            self.gradients = [None] * len(self.layers)
        for i, gradient in enumerate(gradients):
            if gradient is not None:
                before = self.gradients[i]
                self.gradients[i] = gradient.detach() if before is None else before + gradient.detach()

    def second_order(self, rows: slice, piece: Batch) -> None:
        """Add one micro-batch's share of w' H g, once g of the whole batch is known."""
        curvature = Curvature()
        with torch.enable_grad():
            inputs, leaves = piece.leaves()
            tracer = self.session.tracer(leaves, replace=curvature.replacements)
            logits = self.session.forward(inputs, tracer)
        loss = self.session.loss_of(logits, rows) * self.session.share(rows)
        gradients = gradients_of(loss, tracer.layers, create_graph=True, zero=True)
        self.bend(curvature, tracer.layers, gradients, self.gradients)

    def bend(
        self,
        curvature: Curvature,
        layers: list[Layer],
        gradients: Sequence[Tensor | None],
        direction: Sequence[Tensor | None],
    ) -> None:
        """Add w' H d; a function that cannot be differentiated twice costs this recording alone."""
        try:
            self.curvature += curvature.along(layers, gradients, direction)
        except torch.OutOfMemoryError as error:
            self.fail(frozenset({"curvature"}), reason(error))
        except Exception as error:
            self.fail(frozenset({"curvature"}), f"no second derivative: {reason(error)}")

    def follow(self, samples: int) -> Callable[[Call], None]:
        """A callback that gathers the saliency of each layer output when its gradient arrives."""

        def seen(call: Call) -> None:
            if call.layer is None or not call.output.requires_grad:
                return
            position = self.calls
            self.calls += 1
            if position == len(self.sums):
                self.sums.append([])
                self.fans.append(call.layer.fan_in)
            watched = call.tracer.watch(call.output)
            hook = partial(self.arrived, position, watched, call.channels, samples, call.sequence_first)
            call.output.register_hook(hook)  # type: ignore[no-untyped-call]

        return seen

    def arrived(
        self,
        position: int,
        activation: Watched,
        channels: int | None,
        samples: int,
        sequence_first: bool,
        gradient: Tensor,
    ) -> None:
        """Called with the gradient of a layer output, in the backward pass of the loss and in that of the logits."""
        if not self.collecting or "saliencies" not in self.wanted:
            return
        try:
            product = activation.get() * gradient.detach()
            self.sums[position].append(_channel_sums(product, channels, samples, sequence_first))
        except Exception as error:
            self.fail(frozenset({"saliencies"}), reason(error))


def _channel_sums(product: Tensor, channels: int | None, samples: int, sequence_first: bool) -> Tensor:
    """Sum over positions: ``(samples, channels)``; a row that belongs to no one sample counts as one."""
    if channels is None:
        product = product.unsqueeze(-1)
    if product.ndim == 1:  # a call for one sample alone, as in a loop: its share of the mean over samples
        return product.unsqueeze(0) / samples**0.5
    if channels is None:
        pass
    elif channels == 1 and product.ndim > 2 and not sequence_first:
        product = product.sum(list(range(2, product.ndim)))
    elif channels != product.ndim - 1:
        product = product.movedim(channels, -1)
    rows = by_sample(product, samples, sequence_first=sequence_first)
    product = product if rows is None else rows
    return product.sum(list(range(1, product.ndim - 1))) if product.ndim > 2 else product
