"""Convolutional neural fabrics: the space of paths through a small fabric, and their networks."""

from archcast.spaces.neural_fabrics.space import LAYERS, SCALES, NeuralFabrics

__all__ = ["LAYERS", "SCALES", "NeuralFabrics"]
