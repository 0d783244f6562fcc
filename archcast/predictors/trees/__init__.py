"""Forests and boosted trees on features of architectures."""
