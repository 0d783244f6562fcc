"""Predictors: init, then query."""

from archcast.evidence import Evidence, Pool
from archcast.predictors.base import (
    PREDICTORS,
    Known,
    NotInitializedError,
    Prediction,
    Predictor,
    Requirements,
    get_predictor,
    register,
)

__all__ = [
    "PREDICTORS",
    "Evidence",
    "Known",
    "NotInitializedError",
    "Pool",
    "Prediction",
    "Predictor",
    "Requirements",
    "get_predictor",
    "register",
]
