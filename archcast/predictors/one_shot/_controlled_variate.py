"""The regime of REBAR and RELAX."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archcast.predictors.one_shot._mixed import Mixed
from archcast.supernets.base import Supernet
from archcast.supernets.loop import Batch, Settings

__all__ = ["ControlledVariate", "conditional_draw", "draw"]

HIDDEN = 16
"""Units of the network of RELAX."""
SMALL = 1e-6


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(*shape, generator=generator, dtype=torch.float64).clamp(SMALL, 1 - SMALL)


def draw(logs: Tensor, generator: torch.Generator) -> Tensor:
    """z = log p + Gumbel noise, ``(d, c)``, differentiable in log p."""
    noise = -torch.log(-torch.log(_uniform(tuple(logs.shape), generator)))
    return logs + noise.to(logs)


def conditional_draw(logs: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """A draw ``(d, c)`` of z given that the largest entry of each row is ``chosen`` ``(d,)``, differentiable in log p.

    The largest is a standard Gumbel number -log(-log v); another is -log(-log v_i / p_i - log v), which is below it (Tucker et
    al. 2017, appendix)."""
    v = _uniform(tuple(logs.shape), generator).to(logs)
    highest = torch.log(v.gather(1, chosen[:, None]))
    others = -torch.log(-torch.log(v) / logs.exp().clamp_min(SMALL) - highest)
    return others.scatter(1, chosen[:, None], -torch.log(-highest))


class ControlledVariate(Mixed):
    """Alpha by REBAR or RELAX.

    Args:
        estimator: ``rebar`` or ``relax``.
        temperature: of the relaxed path.
        control_rate: learning rate of the control variate.
    """

    def __init__(
        self,
        net: Supernet,
        settings: Settings,
        seed: int,
        alpha_rate: float,
        estimator: str,
        temperature: float,
        control_rate: float,
    ) -> None:
        super().__init__(net, settings, seed, alpha_rate)
        self.estimator, self.temperature, self.control_rate = estimator, temperature, control_rate
        self.eta = nn.Parameter(torch.ones(()))
        size = self.alpha.numel()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.surrogate = nn.Sequential(nn.Linear(size, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))
        with torch.no_grad():  # no control by the network at the start
            for value in self.surrogate[2].parameters():
                value.zero_()

    def control_parameters(self) -> list[nn.Parameter]:
        """What the control variate learns."""
        return [self.eta, *(self.surrogate.parameters() if self.estimator == "relax" else [])]

    def start(self) -> None:
        super().start()
        self.optimizers["control"] = torch.optim.Adam(self.control_parameters(), lr=self.control_rate)

    def hard_loss(self, batch: Batch, chosen: Tensor) -> Tensor:
        """Validation loss of a path ``(decisions,)``; no gradient."""
        weights = nn.functional.one_hot(chosen, self.alpha.shape[1]).to(self.alpha)
        x, y = batch.validation
        with torch.no_grad():
            return self.loss(self.mixed_logits(x, weights, weights.cpu().numpy() > 0.5), y)

    def relaxed_loss(self, batch: Batch, z: Tensor) -> Tensor:
        """Validation loss of the relaxed path softmax(z / T)."""
        x, y = batch.validation
        return self.loss(self.mixed_logits(x, torch.softmax(z / self.temperature, dim=1)), y)

    def estimate(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """The estimate ``(decisions, choices)`` of the gradient of the expected loss in alpha, and the gradients of its square
        in the parameters of the control variate."""
        logs = torch.log_softmax(self.alpha, dim=1)
        z = draw(logs, batch.generator)
        chosen = z.detach().argmax(dim=1)
        given = conditional_draw(logs, chosen, batch.generator)
        (score,) = torch.autograd.grad(logs.gather(1, chosen[:, None]).sum(), self.alpha, retain_graph=True)
        relaxed = self.relaxed_loss(batch, z), self.relaxed_loss(batch, given)
        slopes = [torch.autograd.grad(value, self.alpha, retain_graph=True)[0] for value in relaxed]
        hard, low = self.hard_loss(batch, chosen), relaxed[1].detach()
        # what depends on the parameters of the control variate stays differentiable in them
        total = (hard - self.eta * low) * score + self.eta * (slopes[0] - slopes[1])
        if self.estimator == "relax":
            free = self.surrogate(z.flatten()).squeeze(), self.surrogate(given.flatten()).squeeze()
            both = [torch.autograd.grad(value, self.alpha, create_graph=True)[0] for value in free]
            total = total - free[1] * score + both[0] - both[1]
        gradients = torch.autograd.grad(total.square().sum(), self.control_parameters(), allow_unused=True)
        filled = [
            torch.zeros_like(value) if gradient is None else gradient
            for value, gradient in zip(self.control_parameters(), gradients, strict=True)
        ]
        return total.detach(), filled

    def train_alpha(self, batch: Batch) -> None:
        estimate, gradients = self.estimate(batch)
        self.apply_alpha((estimate,))
        for value, gradient in zip(self.control_parameters(), gradients, strict=True):
            value.grad = gradient
        self.optimizers["control"].step()

    def mixture(self, batch: Batch) -> tuple[Tensor, NDArray[np.bool_] | None]:
        """One path, drawn again until something reaches the output."""
        logs = torch.log_softmax(self.alpha.detach(), dim=1)
        while True:
            chosen = draw(logs, batch.generator).argmax(dim=1)
            weights = nn.functional.one_hot(chosen, logs.shape[1]).to(self.alpha)
            active = weights.cpu().numpy() > 0.5
            if self.net.mixes_something(active):
                return weights, active
