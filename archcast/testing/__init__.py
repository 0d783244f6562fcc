"""Checks that a component keeps its contract, for archcast's own test suite and for components written elsewhere."""

from archcast.testing.encodings import check_encoding, encoding_checks
from archcast.testing.predictors import check_predictor, predictor_checks
from archcast.testing.spaces import check_space, space_checks
from archcast.testing.strategies import check_strategy, strategy_checks

__all__ = [
    "check_encoding",
    "check_predictor",
    "check_space",
    "check_strategy",
    "encoding_checks",
    "predictor_checks",
    "space_checks",
    "strategy_checks",
]
