"""Whole networks as graphs of layers with units of their own: Auto-Keras' space."""

from archcast.spaces.layer_graphs.auto_keras import AutoKeras

__all__ = ["AutoKeras"]
