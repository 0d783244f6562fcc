"""Chains of inverted residual blocks (MobileNetV2's), elastic in kernels, expansions and depths.

Every space says what its networks are made of as a :class:`~archcast.spaces.mbconv.layers.Chain`, for any number of rows at once.
One module builds the network of a chain (:mod:`~archcast.spaces.mbconv.network`), another counts what chains cost
(:mod:`~archcast.spaces.mbconv.costs`).
"""

from archcast.spaces.mbconv.layers import Block, Chain, Conv

__all__ = ["Block", "Chain", "Conv"]
