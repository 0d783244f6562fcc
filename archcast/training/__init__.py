"""Train architectures for real, record their learning curves, and write a benchmark of them.

:class:`Trainer` trains one architecture, :func:`train_table` a whole list, resumable; ``archcast train`` is the same from the
command line.
"""

from archcast.training.datasets import DATASETS, Augmentation, Dataset, load_dataset
from archcast.training.recipe import Recipe, settings_for
from archcast.training.table import read_runs, sample_functions, to_benchmark, train_table
from archcast.training.trainer import CURVES, Run, Trainer

__all__ = [
    "CURVES",
    "DATASETS",
    "Augmentation",
    "Dataset",
    "Recipe",
    "Run",
    "Trainer",
    "load_dataset",
    "read_runs",
    "sample_functions",
    "settings_for",
    "to_benchmark",
    "train_table",
]
