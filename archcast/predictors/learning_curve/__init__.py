"""Predictors that look at the beginning of a learning curve."""
