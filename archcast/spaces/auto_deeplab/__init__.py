"""Auto-DeepLab: the space, its network, and what the network costs."""

from archcast.spaces.auto_deeplab.space import AutoDeepLab

__all__ = ["AutoDeepLab"]
