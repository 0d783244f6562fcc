"""TransNAS-Bench-101: two spaces, the networks of its seven tasks, and what they cost."""

from archcast.spaces.transnasbench101.macro import TransNASBench101Macro
from archcast.spaces.transnasbench101.micro import TransNASBench101Micro

__all__ = ["TransNASBench101Macro", "TransNASBench101Micro"]
