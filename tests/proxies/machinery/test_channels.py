"""Where the channels of a feature map are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import archcast


def smallest(features: Tensor) -> float:
    """Smallest eigenvalue of the correlations of the rows of ``(channels, positions)``."""
    return float(np.linalg.eigvalsh(np.corrcoef(features.flatten(1).numpy()))[0])


class Tokens(nn.Module):
    """Patches as tokens, or as an image with the channels last, and a GELU between two linear maps."""

    def __init__(self, *, flat: bool) -> None:
        super().__init__()
        self.patches, self.flat = nn.Conv2d(3, 4, 2, stride=2), flat
        self.norm, self.up, self.act, self.down = nn.LayerNorm(4), nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 4)
        self.head = nn.Linear(4, 3)

    def hidden(self, x: Tensor) -> Tensor:
        x = self.patches(x).movedim(1, -1)
        return self.act(self.up(self.norm(x.flatten(1, 2) if self.flat else x)))

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(self.hidden(x))
        return self.head(y.flatten(1, -2).mean(1))


@pytest.mark.parametrize("flat", [True, False], ids=["tokens", "channels last"])
def test_meco_correlates_channels_whatever_the_layout(flat: bool) -> None:
    torch.manual_seed(0)
    model, x = Tokens(flat=flat).double(), torch.randn(3, 3, 10, 12).double()
    with torch.no_grad():
        hidden = model.hidden(x[:1])[0].flatten(0, -2).t()
    assert hidden.shape == (6, 30)
    score = archcast.score(model, x, proxies="meco_relu")["meco_relu"]
    assert score == pytest.approx(smallest(hidden), rel=1e-9)


def test_both_layouts_have_the_same_scores() -> None:
    torch.manual_seed(0)
    a, b = Tokens(flat=True).double(), Tokens(flat=False).double()
    b.load_state_dict(a.state_dict())
    x = torch.randn(3, 3, 10, 12).double()
    first, second = (archcast.score(model, x, proxies=["meco", "meco_opt", "meco_relu"]) for model in (a, b))
    assert len(first) == 3
    assert dict(first) == pytest.approx(dict(second), rel=1e-9)


def test_sequences_of_convolutions_have_them_second() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 18, 3)).double()
    x = torch.randn(3, 2, 20).double()
    with torch.no_grad():
        expected = smallest(model[:2](x[:1])[0])
    assert archcast.score(model, x, proxies="meco_relu")["meco_relu"] == pytest.approx(expected, rel=1e-9)
