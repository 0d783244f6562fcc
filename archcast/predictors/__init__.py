"""Predictors: init, then query."""

from archcast.predictors.base import (
    PREDICTORS,
    NotInitializedError,
    Prediction,
    Predictor,
    Requirements,
    get_predictor,
    register,
)
from archcast.predictors.evidence import Evidence, Pool

__all__ = [
    "PREDICTORS",
    "Evidence",
    "NotInitializedError",
    "Pool",
    "Prediction",
    "Predictor",
    "Requirements",
    "get_predictor",
    "register",
]
