"""What the tag of a pretrained model says of its training, as a few coarse flags.

timm writes ``architecture.tag``; a tag such as ``fb_dist_in1k`` names the recipe, the pretraining and the data. The flags are
coarse on purpose: two recipes of one family of recipes are the same here.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from archcast.errors import InvalidInputError

__all__ = ["RECIPE", "recipe_flags"]

RECIPE = {
    "distilled": r"dist",
    "in21k": r"in21k|in22k|in12k",
    "web": r"laion|openai|webli|ig1b|_ig|swsl|ssl|swag|datacomp|dfn|lvd|mim|clip|jft|yfcc|^ns_|_ns_|fcmae|mae|m38m|merged|nav",
    "ra4": r"ra4",
    "ra3": r"ra3",
    "a1": r"^(a1h?|c1|c2|b1k|b2k|b1)(_|$)",
    "a2": r"^(a2|d)(_|$)",
    "a3": r"^a3(_|$)",
    "tv2": r"^tv2",
    "tv": r"^tv_",
    "gluon": r"gluon",
    "plain": r"^$",
}
"""Flag -> regular expression that finds it in a tag."""


def recipe_flags(tag: str) -> NDArray[np.float64]:
    """``(12,)`` zeros and ones, in the order of :data:`RECIPE`.

    Args:
        tag: e.g. ``"fb_dist_in1k"``; empty for none.

    Examples:
        >>> [name for name, flag in zip(RECIPE, recipe_flags("fb_dist_in1k")) if flag]
        ['distilled']

    Raises:
        InvalidInputError: it is not a text.
    """
    if not isinstance(tag, str):
        raise InvalidInputError(f"recipe must be a text such as 'ra3_in1k', got {type(tag).__name__}.")
    return np.array([bool(re.search(pattern, tag)) for pattern in RECIPE.values()], dtype=np.float64)
