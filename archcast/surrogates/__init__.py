"""Surrogate benchmarks: a function that answers for architectures that nobody has trained, made of any table.

>>> from archcast.surrogates import make_surrogate
>>> surrogate = make_surrogate("digits", share=0.05, metrics=["val_accuracy"], curves=[], members=["xgboost"])
>>> surrogate.scores(surrogate.space.sample(3, 0)).shape
(3,)
"""

from archcast.surrogates.checks import SurrogateReport, check_surrogate
from archcast.surrogates.fitting import make_surrogate
from archcast.surrogates.surrogate import Surrogate, read, save_surrogate

__all__ = ["Surrogate", "SurrogateReport", "check_surrogate", "make_surrogate", "read", "save_surrogate"]
