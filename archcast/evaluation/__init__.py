"""Evaluation: how well do predictors rank architectures, at which cost."""

from archcast.evaluation.metrics import METRICS, Metric
from archcast.evaluation.presets import PRESETS, Preset
from archcast.evaluation.results import Results
from archcast.evaluation.runner import Progress, default_predictors, evaluate

__all__ = ["METRICS", "PRESETS", "Metric", "Preset", "Progress", "Results", "default_predictors", "evaluate"]
