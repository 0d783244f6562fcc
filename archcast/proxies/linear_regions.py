"""Number of linear regions that samples lie in."""

from __future__ import annotations

from archcast.proxies.base import register

__all__ = ["linear_regions"]


@register(
    "linear_regions",
    summary="number of linear regions that 3,000 random samples fall into; thin nets only",
    paper="Chen et al. 2021 (TE-NAS), https://arxiv.org/abs/2102.11535",
    recordings=("regions",),
)
def linear_regions(regions: float) -> float:
    """Number of different codes, on or off, of all rectified units, among 3,000 samples of N(0, 1), mean over three draws
    of Kaiming weights.

    TE-NAS counts on a thin net: one channel, one cell a stage, inputs of 3x3, which ``archcast score --space nasbench201
    --width 1 --depth 1 --stages 1 --input 1x3x3`` builds. In a net of usual width every sample has a region of its own;
    there is no score then. TE-NAS takes crops of images for the samples and leaves out the stem.
    """
    return regions
