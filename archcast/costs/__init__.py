"""What networks cost: parameters, operations, activations, depth. It knows nothing of search spaces.

:class:`Tally` counts layers for many networks at once, without building them; :func:`count` counts any ``torch.nn.Module``.
Both follow a convention that is named (:mod:`archcast.costs.conventions`). :func:`measure` times networks on a device.
"""

from archcast.costs.conventions import CONVENTIONS, Convention
from archcast.costs.measuring import Measurements, measure
from archcast.costs.modules import count
from archcast.costs.tally import COSTS, Tally

__all__ = ["CONVENTIONS", "COSTS", "Convention", "Measurements", "Tally", "count", "measure"]
