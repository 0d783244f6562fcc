"""The design spaces of "On Network Design Spaces for Visual Recognition": five of cells, three of residual blocks."""

from archcast.spaces.nds.cells import NDSCells
from archcast.spaces.nds.stages import NDSStages

__all__ = ["NDSCells", "NDSStages"]
