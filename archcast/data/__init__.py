"""Benchmarks: tables of architectures whose performance was measured."""

from archcast.data.base import BENCHMARKS, benchmark_names, load_benchmark, register
from archcast.data.benchmark import Benchmark
from archcast.data.files import read_benchmark, save_benchmark
from archcast.data.tables import read_evidence, read_table

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "benchmark_names",
    "load_benchmark",
    "read_benchmark",
    "read_evidence",
    "read_table",
    "register",
    "save_benchmark",
]
