"""Spaces of transformers: classifiers of images, language models, translators, encoders of texts.

Every space says what its networks are made of as a :class:`~archcast.spaces.transformers.model.Model`, for any number of rows at
once: it counts what they cost, and :mod:`~archcast.spaces.transformers.network` builds the network of one row.
"""

from archcast.spaces.transformers.model import Model

__all__ = ["Model"]
