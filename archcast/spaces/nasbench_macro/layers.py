"""What a network of NAS-Bench-Macro is made of."""

from __future__ import annotations

__all__ = ["EXPANSION", "HEAD", "KERNEL", "STAGES"]

STAGES = (2, 3, 3)
"""Layers of each stage."""
KERNEL, EXPANSION = (1, 3, 5), (0, 3, 6)
"""Of each kind of layer."""
HEAD = 40
"""Channels of the head as a multiple of the width: 1,280 for the paper's 32."""
