"""The default loss, and what is random in a model."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archcast
from archcast.errors import InvalidInputError
from archcast.proxies.machinery.session import cross_entropy

LOSSES = ["snip", "grad_norm", "plain", "fisher", "grasp", "gradsign", "zico"]


# -- the loss ----------------------------------------------------------------------------------------------------------


def head(outputs: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, outputs)).double()


X = torch.randn(8, 5, generator=torch.Generator().manual_seed(0)).double()
ZERO_ONE = torch.arange(8) % 2


@pytest.mark.parametrize(
    "targets", [ZERO_ONE, ZERO_ONE[:, None], ZERO_ONE.float(), ZERO_ONE.double()[:, None], ZERO_ONE.bool()]
)
def test_one_output_and_two_classes_is_binary_cross_entropy(targets: Tensor) -> None:
    scores = archcast.score(head(1), X, targets, proxies=LOSSES)
    own = archcast.score(
        head(1), X, ZERO_ONE.double()[:, None], proxies=LOSSES, loss=F.binary_cross_entropy_with_logits
    )
    assert set(scores) == set(LOSSES)
    assert all(scores.values())
    assert dict(scores) == pytest.approx(dict(own), rel=1e-9)


def test_one_output_and_real_targets_is_the_mean_squared_error() -> None:
    targets = X.sum(1).cos()
    targets[0] = 1.0  # whether the targets are classes is decided for all of them, not for each sample
    scores = archcast.score(head(1), X, targets, proxies=LOSSES)
    own = archcast.score(head(1), X, targets[:, None], proxies=LOSSES, loss=F.mse_loss)
    assert dict(scores) == pytest.approx(dict(own), rel=1e-9)


def test_labels_that_one_output_cannot_tell_apart() -> None:
    with pytest.raises(InvalidInputError, match="the label 2, but the model has one output, which tells 0 from 1"):
        archcast.score(head(1), X, torch.arange(8), proxies="snip")
    with pytest.raises(InvalidInputError, match="does not fit the one output of shape"):
        archcast.score(head(1), X, ZERO_ONE[:3], proxies="snip")


def test_a_loss_that_is_constant_is_a_failure() -> None:
    scores = archcast.score(
        head(1), X, torch.zeros(8, dtype=torch.long), proxies=[*LOSSES, "nwot"], loss=F.cross_entropy
    )
    assert set(scores) == {"nwot"}
    assert scores.failures["snip"] == "every gradient of the loss is exactly 0: the loss does not depend on the weights"


@pytest.mark.parametrize("ignored", [-100, 255])
def test_labels_that_are_ignored(ignored: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 1)).double()
    x, y = torch.randn(4, 3, 6, 6).double(), torch.randint(0, 5, (4, 6, 6))
    y[0, :4] = ignored
    y[1] = ignored

    def own(logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits, targets, ignore_index=ignored)

    names = ["snip", "grad_norm", "grasp", "fisher"]
    expected = dict(archcast.score(model, x, y, proxies=names, loss=own))
    given = {} if ignored == -100 else {"ignore_index": ignored}
    assert dict(archcast.score(model, x, y, proxies=names, **given)) == pytest.approx(expected, rel=1e-9)
    pieces = archcast.score(model, x, y, proxies=names, micro_batch=1, **given)
    assert dict(pieces) == pytest.approx(expected, rel=1e-9)
    assert "gradsign" in archcast.score(model, x, y, proxies="gradsign", **given)
    nothing = archcast.score(model, x, torch.full_like(y, ignored), proxies=["snip", "flops"], **given)
    assert nothing.failures == {"snip": f"every label is {ignored}, which is ignored"}


def test_a_label_out_of_range_says_how_to_ignore_it() -> None:
    with pytest.raises(InvalidInputError, match="If 255 marks what is to be ignored, pass ignore_index=255"):
        cross_entropy(torch.zeros(2, 3), torch.tensor([0, 255]))
    with pytest.raises(InvalidInputError, match="ignore_index is 'x': it must be a whole number"):
        archcast.score(head(2), X, ZERO_ONE, ignore_index="x")


def test_real_labels_cost_the_proxies_that_need_them_alone() -> None:
    free = ["flops", "nwot", "jacob_cov", "l2_norm"]
    alone = archcast.score(head(3), X, ZERO_ONE.float(), proxies=free)
    both = archcast.score(head(3), X, ZERO_ONE.float(), proxies=[*free, *LOSSES])
    assert dict(both) == dict(alone)
    assert "class labels must be whole numbers" in both.failures["snip"]


# -- randomness --------------------------------------------------------------------------------------------------------


class Switched(nn.Module):
    """Random in training mode alone, in a way that has no name torch knows."""

    def __init__(self, draw: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.draw = draw

    def forward(self, x: Tensor) -> Tensor:
        return self.draw(x) if self.training else x


GENERATOR, NUMPY = torch.Generator(), np.random.default_rng(0)
DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "bernoulli_": lambda x: x * x.new_empty(len(x), 1).bernoulli_(0.5) / 0.5,
    "rand": lambda x: x * (torch.rand_like(x) < 0.5),
    "randn": lambda x: x + torch.randn(x.shape, dtype=x.dtype),
    "bernoulli": lambda x: x * torch.bernoulli(torch.full_like(x, 0.5)),
    "python": lambda x: x * (random.random() < 0.5),
    "numpy": lambda x: x * float(np.random.rand()),  # noqa: NPY002
    "permutation": lambda x: x[:, torch.randperm(x.shape[1])],
}
BY_NAME: dict[str, Callable[[], nn.Module]] = {
    "dropout": lambda: nn.Dropout(0.5),
    "alpha": lambda: nn.AlphaDropout(0.5),
    "native": lambda: Calls(lambda x: torch.native_dropout(x, 0.5, True)[0]),
    "functional": lambda: Calls(lambda x: F.dropout(x, 0.5, True)),
    "feature": lambda: Calls(lambda x: torch.feature_dropout(x, 0.5, True)),
    **{f"{name} in training": (lambda draw=draw: Switched(draw)) for name, draw in DRAWS.items()},
}


class Calls(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def around(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 16), nn.ReLU(), module, nn.Linear(16, 3)).double()


SCORES = ["snip", "grad_norm", "jacob_cov", "synflow", "nwot", "grasp", "zico", "vkdnw"]


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_random_in_training_is_off(name: str) -> None:
    y = torch.arange(8) % 3
    expected = dict(archcast.score(around(nn.Identity()), X, y, proxies=SCORES))
    assert len(expected) == len(SCORES)
    for seed in (0, 1):
        model = around(BY_NAME[name]())
        scores = archcast.score(model, X, y, proxies=SCORES, seed=seed)
        assert {k: v for k, v in scores.items() if k != "vkdnw"} == pytest.approx(
            {k: v for k, v in expected.items() if k != "vkdnw"}, rel=1e-9
        )
        assert all(module.training for module in model.modules())


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_dropout_between_recurrent_layers_is_off(kind: type[nn.Module]) -> None:
    class Net(nn.Module):
        def __init__(self, p: float) -> None:
            super().__init__()
            self.cells, self.head = kind(5, 6, 3, batch_first=True, dropout=p, bidirectional=True), nn.Linear(12, 3)

        def forward(self, x: Tensor) -> Tensor:
            lengths = torch.full((len(x),), 4)
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
            states = nn.utils.rnn.pad_packed_sequence(self.cells(packed)[0], batch_first=True)[0]
            return self.head(states[:, -1] + self.cells(x)[0][:, -1])

    torch.manual_seed(0)
    noisy, plain = Net(0.5), Net(0.0)
    plain.load_state_dict(noisy.state_dict())
    x, y = torch.randn(8, 4, 5), torch.arange(8) % 3
    names = ["snip", "grad_norm", "jacob_cov", "flops"]
    expected = dict(archcast.score(plain, x, y, proxies=names))
    assert len(expected) == 4
    for seed in (0, 1):
        assert dict(archcast.score(noisy, x, y, proxies=names, seed=seed)) == pytest.approx(expected, rel=1e-5)


def test_what_cannot_be_switched_off_is_a_failure() -> None:
    for draw in (*DRAWS.values(), lambda x: F.gumbel_softmax(x, dim=1)):
        scores = archcast.score(around(Calls(draw)), X, torch.arange(8) % 3, proxies=[*SCORES, "params"])
        assert set(scores) == {"params"}
        assert "Calls draws random numbers in the forward pass" in scores.failures["snip"]


def test_draws_that_change_nothing_are_allowed() -> None:
    y = torch.arange(8) % 3
    expected = dict(archcast.score(around(nn.Identity()), X, y, proxies=SCORES))
    scores = archcast.score(around(Calls(lambda x: x + 0 * torch.rand_like(x))), X, y, proxies=SCORES)
    assert dict(scores) == pytest.approx(expected, rel=1e-9)


def test_a_module_that_normalises_is_not_switched() -> None:
    class Both(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = F.batch_norm(x, torch.zeros(16).double(), torch.ones(16).double(), training=self.training)
            return x * (torch.rand_like(x) < 0.5) if self.training else x

    scores = archcast.score(around(Both()), X, torch.arange(8) % 3, proxies=["snip"])
    assert "Both draws random numbers" in scores.failures["snip"]


def test_a_detector_that_samples_regions_keeps_its_loss() -> None:
    """Without its draws it returns no loss at all; each pass draws the same regions, so that scores are the same each time."""

    class Regions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, x: Tensor, targets: Tensor) -> dict[str, Tensor]:
            if not self.training:
                return {}
            chosen = torch.randperm(len(x))[:5]
            return {"regions": F.cross_entropy(self.layer(x[chosen]), targets[chosen])}

    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.regions = Regions()

        def forward(self, x: Tensor, targets: Tensor) -> object:
            losses = self.regions(x, targets)
            return losses if self.training else [{"scores": x}]

    torch.manual_seed(0)
    model, inputs = Detector(), (torch.randn(8, 6), torch.arange(8) % 3)
    before = torch.get_rng_state()
    scores = [archcast.score(model, inputs, proxies=["params", "snip", "grad_norm"], seed=0) for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert not scores[0].failures, scores[0].failures
    assert dict(scores[0]) == dict(scores[1])
    other = archcast.score(model, inputs, proxies=["snip"], seed=1)
    assert other["snip"] != scores[0]["snip"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loss = model.train()(*inputs)["regions"]
    grads = torch.autograd.grad(loss, list(model.parameters()))
    expected = sum((g * p).detach().abs().sum() for g, p in zip(grads, model.parameters(), strict=True) if p.ndim > 1)
    assert scores[0]["snip"] == pytest.approx(float(expected), rel=1e-5)
