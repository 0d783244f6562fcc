"""Encodings: architectures to numbers."""

from archcast.encodings.base import ENCODINGS, Encoder, get_encoding, register

__all__ = ["ENCODINGS", "Encoder", "get_encoding", "register"]
