"""The default loss: what it is for each kind of output and of targets."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archcast
from archcast.errors import InvalidInputError
from archcast.proxies.machinery.losses import cross_entropy

LOSSES = ["snip", "grad_norm", "plain", "fisher", "grasp", "gradsign", "zico"]


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
