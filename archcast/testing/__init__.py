"""Checks that a component keeps its contract, for archcast's own test suite and for components written elsewhere."""

from archcast.testing.predictors import check_predictor, predictor_checks

__all__ = ["check_predictor", "predictor_checks"]
