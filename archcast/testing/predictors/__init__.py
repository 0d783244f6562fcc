"""Common checks of the predictor contract, for archcast's own predictors and for yours.

``check_predictor(MyPredictor("nasbench201"))`` runs them all; :func:`predictor_checks` lists them, so that a test suite can be
parametrised over them. Each check takes a predictor that it never changes (it works on clones), raises ``AssertionError``
with what is wrong, and is small enough to be read when it fails. Costly predictors are checked with cheap parameters (fewer
trees or epochs): the contract does not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable

from archcast.predictors.base import Predictor
from archcast.testing._assertions import checks_in, run
from archcast.testing.predictors import evidence, init_and_query, inputs, parameters, scikit_learn, state

__all__ = ["check_predictor", "predictor_checks"]


def predictor_checks() -> list[Callable[[Predictor], None]]:
    """The checks, each a function of an uninitialised predictor."""
    return checks_in(parameters, init_and_query, inputs, evidence, state, scikit_learn)


def check_predictor(predictor: Predictor) -> None:
    """Run every check on ``predictor``.

    Examples:
        >>> import archcast
        >>> check_predictor(archcast.get_predictor("random-forest", "nasbench201", n_estimators=10))

    Raises:
        AssertionError: names the first check that failed and says why.
    """
    run(predictor_checks(), predictor)
