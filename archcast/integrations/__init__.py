"""Predictors inside other people's search tools; each module needs its package and says how to install it."""
