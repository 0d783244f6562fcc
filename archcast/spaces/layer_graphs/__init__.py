"""Whole networks as graphs of layers with units of their own: NASBOT's and Auto-Keras' spaces."""

from archcast.spaces.layer_graphs.auto_keras import AutoKeras
from archcast.spaces.layer_graphs.nasbot import NASBOT

__all__ = ["NASBOT", "AutoKeras"]
