"""NATS-Bench's size space: the space, its network, and what the network costs."""

from archcast.spaces.nats_size.space import NATSSize

__all__ = ["NATSSize"]
