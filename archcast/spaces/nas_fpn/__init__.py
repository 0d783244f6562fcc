"""NAS-FPN: the space, its network, and what the network costs."""

from archcast.spaces.nas_fpn.space import NASFPN

__all__ = ["NASFPN"]
