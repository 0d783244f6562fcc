"""Scores that need no training, taken as predictions."""
