"""Multiply-accumulates."""

from __future__ import annotations

from archcast.proxies.base import ProxyFailure, register

__all__ = ["flops"]


@register(
    "flops",
    summary="multiply-accumulates of one sample",
    paper="Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134",
    recordings=("macs",),
)
def flops(macs: float) -> float:
    """Multiply-accumulates (MACs) of one sample: of convolutions, linear maps, recurrent cells, matrix products and
    attention.

    The benchmarks of the field publish this number under the name FLOPs. Biases, normalisation, activations and pooling
    are not counted.
    """
    if macs == 0:
        raise ProxyFailure("no convolution, linear map or matrix product seen")
    return macs
