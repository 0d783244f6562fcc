"""Readers of published benchmarks: one file a reader."""
