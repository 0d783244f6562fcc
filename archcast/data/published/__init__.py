"""Readers of published benchmarks, one a file: each reads the official files into a :class:`archcast.data.Benchmark`."""
