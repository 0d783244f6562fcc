"""The checks accept a sound predictor, and each of them catches a broken one."""

from __future__ import annotations

import contextlib
from typing import ClassVar

import numpy as np
import pytest

from archcast.encodings.base import get_encoding
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence
from archcast.predictors.base import PREDICTORS, Prediction, Predictor, Requirements
from archcast.predictors.parameters import Number
from archcast.testing.predictors import check_predictor, predictor_checks


class Ridge(Predictor):
    """A sound predictor: ridge regression on one-hot rows, with the training error as its uncertainty."""

    has_std = True
    parameters = {"strength": Number(0)}

    def __init__(self, space, *, strength=1.0, random_state=None):
        super().__init__(space, random_state=random_state)
        self.strength = strength

    def _init(self, known):
        x = self._features(known.archs)
        self.mean_ = float(known.scores.mean())
        gram = x.T @ x + self.strength * np.eye(x.shape[1])
        self.weights_ = np.linalg.solve(gram, x.T @ (known.scores - self.mean_))
        self.error_ = float(np.std(x @ self.weights_ + self.mean_ - known.scores)) + 1e-3

    def _query(self, archs, evidence):
        return Prediction(self._features(archs) @ self.weights_ + self.mean_, np.full(len(archs), self.error_))

    def _features(self, archs):
        return get_encoding("adjacency", self._space).transform(archs).astype(float)


class _Mutant(Ridge):
    """Base of the broken ones: their names say what is wrong."""


class ExtraAttribute(_Mutant):
    def __init__(self, space, *, strength=1.0, random_state=None):
        super().__init__(space, strength=strength, random_state=random_state)
        self.ready = False


class ConvertsParameter(_Mutant):
    def __init__(self, space, *, strength=1.0, random_state=None):
        super().__init__(space, strength=repr(strength), random_state=random_state)


class IgnoresSetParams(_Mutant):
    def set_params(self, **params):
        return self


class StrangeRepr(_Mutant):
    def __repr__(self, N_CHAR_MAX=700):
        return "?"


class NoDocstring(Ridge):
    __doc__ = None


class ReturnsNothing(_Mutant):
    def init(self, *args, **kwargs):
        super().init(*args, **kwargs)


class AttributeWithoutUnderscore(_Mutant):
    def _init(self, *args):
        super()._init(*args)
        self.trained = True


class Remembers(_Mutant):
    def _init(self, known):
        self.memory = [*getattr(self, "memory", []), float(known.scores.mean())]
        super()._init(known)
        self.mean_ = self.memory[0]


class Unseeded(_Mutant):
    def _init(self, *args):
        super()._init(*args)
        self.mean_ += np.random.default_rng().normal()


class PredictDiffers(_Mutant):
    def predict(self, *args, **kwargs):
        return super().predict(*args, **kwargs)[..., :] + 1.0


class CentresTheBatch(_Mutant):
    def _query(self, archs, evidence):
        mean = super()._query(archs, evidence).mean
        return Prediction(mean - mean.mean(), np.ones(len(archs)))


class WritesIntoScores(_Mutant):
    def init(self, archs=None, scores=None, evidence=None, *, pool=None):
        scores -= 1
        return super().init(archs, scores, evidence, pool=pool)


class ArraysOnly(_Mutant):
    def init(self, archs=None, scores=None, evidence=None, *, pool=None):
        return super().init(archs, scores, evidence, pool=pool) if archs is None or archs.dtype == int else self


class AnswersBeforeInit(_Mutant):
    def query(self, archs, evidence=None):
        return super().query(archs, evidence) if hasattr(self, "mean_") else Prediction(np.zeros(len(archs)))


class Clips(_Mutant):
    def init(self, archs=None, scores=None, evidence=None, *, pool=None):
        archs = archs if archs is None else np.clip(np.asarray(archs), 0, 4)
        return super().init(archs, scores, evidence, pool=pool)


class FailsOnEmpty(_Mutant):
    def query(self, archs, evidence=None):
        if len(archs) == 0:
            raise ValueError("zero-size array")
        return super().query(archs, evidence)


class AcceptsNaN(_Mutant):
    def init(self, archs=None, scores=None, evidence=None, *, pool=None):
        scores = scores if scores is None or np.ndim(scores) != 1 else np.nan_to_num(np.asarray(scores, float))
        return super().init(archs, scores, evidence, pool=pool)


class NeedsThree(_Mutant):
    def _init(self, known):
        if len(known.archs) < 3:
            raise ValueError("at least 3 rows")
        super()._init(known)


class WronglyAsksForThree(_Mutant):
    requires = Requirements(min_archs=3)

    def init(self, archs=None, scores=None, evidence=None, *, pool=None):
        many = archs is not None and 0 < len(archs) < 3
        return super().init(
            np.repeat(archs, 3, axis=0) if many else archs,
            np.repeat(scores, 3) if many else scores,
            evidence,
            pool=pool,
        )


class DividesByTheSpread(_Mutant):
    def _query(self, archs, evidence):
        answer = super()._query(archs, evidence)
        return Prediction(answer.mean / max(self.error_ - 1e-3, 0), answer.std)


class SingularOnTwins(_Mutant):
    def _init(self, known):
        if len(np.unique(known.archs, axis=0)) < 4 <= len(known.archs):
            raise np.linalg.LinAlgError("Singular matrix")
        super()._init(known)


class OwnScale(_Mutant):
    def _query(self, archs, evidence):
        answer = super()._query(archs, evidence)
        return Prediction((answer.mean - self.mean_) * 50, answer.std)


class WrongSign(_Mutant):
    """Sound but for the order of its answers."""

    def _query(self, archs, evidence):
        answer = super()._query(archs, evidence)
        return Prediction(2 * self.mean_ - answer.mean, answer.std)


class NoUncertainty(_Mutant):
    def _query(self, archs, evidence):
        return Prediction(super()._query(archs, evidence).mean, np.zeros(len(archs)))


class NegativeUncertainty(_Mutant):
    def _query(self, archs, evidence):
        return Prediction(super()._query(archs, evidence).mean, -np.ones(len(archs)))


class AddsRawEvidence(_Mutant):
    def _query(self, archs, evidence):
        answer = super()._query(archs, evidence)
        return Prediction(answer.mean + sum(evidence.proxies.values(), start=np.zeros(len(archs))), answer.std)


class IgnoresAlignment(_Mutant):
    def _check_evidence(self, evidence, n, *, at_init=False):
        return Evidence()


class SilentWithoutEvidence(_Mutant):
    requires = Requirements(proxies=("synflow",))

    def _check_evidence(self, evidence, n, *, at_init=False):
        return evidence or Evidence()


class RejectsPools(_Mutant):
    def init(self, archs=None, scores=None, evidence=None, *, pool=None):
        if pool is not None:
            raise ValueError("pool")
        return super().init(archs, scores, evidence)


class LeftHalfway(_Mutant):
    @contextlib.contextmanager
    def _unchanged_on_error(self):
        yield


class SeedsGlobally(_Mutant):
    def _init(self, *args):
        super()._init(*args)
        np.random.seed(0)  # noqa: NPY002


class SeedsEveryDevice(_Mutant):
    def _init(self, *args):
        import torch

        super()._init(*args)
        with torch.random.fork_rng(devices=[]):  # which gives the processor's generator back and no other
            torch.manual_seed(0)


class HoldsALambda(_Mutant):
    def _init(self, *args):
        super()._init(*args)
        self.function_ = lambda x: x


class FitNeedsEvidence(_Mutant):
    def fit(self, X, y, evidence):
        return super().fit(X, y, evidence)


class CountsItsFits(_Mutant):
    made: ClassVar[int] = 0

    def _init(self, *args):
        type(self).made += 1
        super()._init(*args)
        self.mean_ += type(self).made


class Needy(Ridge):
    """Sound, and needs a proxy and a curve."""

    requires = Requirements(proxies=("synflow",), curve="train_loss", epochs=3)

    def _check_evidence(self, evidence, n, *, at_init=False):
        known = super()._check_evidence(evidence, n, at_init=at_init)
        for row, curve in enumerate(known.curves.get("train_loss", ())):
            if np.isnan(curve[:3]).any():
                raise InvalidInputError(f"Needy needs 3 epochs, row {row} has fewer.")
        return known


class TakesAnyCurve(_Mutant):
    requires = Requirements(curve="train_loss", epochs=3)


class TakesAnySource(_Mutant):
    learns_from_sources = True

    def _check_sources(self, sources):
        return list(sources)


class TakesAnyNumber(_Mutant):
    def _check_parameters(self):
        pass


class SaysNothingOfAParameter(_Mutant):
    def __init__(self, space, *, strength=1.0, other=3, random_state=None):
        super().__init__(space, strength=strength, random_state=random_state)
        self.other = other


CHECKS = {check.__name__: check for check in predictor_checks()}
BROKEN = [
    ("check_constructor_only_stores", ExtraAttribute, r"__init__ sets attributes \['ready'\]"),
    ("check_constructor_only_stores", ConvertsParameter, r"__init__ changes \['strength'\]"),
    ("check_parameters", IgnoresSetParams, r"set_params\(random_state=7\) did not set it"),
    ("check_parameters_out_of_range", TakesAnyNumber, "strength=-1: no InvalidInputError"),
    ("check_parameters_out_of_range", SaysNothingOfAParameter, r"says nothing of \['other'\]"),
    ("check_repr", StrangeRepr, "repr is"),
    ("check_description", NoDocstring, "no docstring"),
    ("check_init_returns_self_and_keeps_parameters", ReturnsNothing, "init does not return self"),
    ("check_init_returns_self_and_keeps_parameters", AttributeWithoutUnderscore, r"init sets \['trained'\]"),
    ("check_init_returns_self_and_keeps_parameters", NegativeUncertainty, "std is negative"),
    ("check_init_is_idempotent_and_forgets", Remembers, "init again with other data: mean differs"),
    ("check_init_is_idempotent_and_forgets", CountsItsFits, "mean differs"),
    ("check_same_seed_same_answer", Unseeded, "two runs with one seed: mean differs"),
    ("check_fit_and_predict_are_aliases", PredictDiffers, "fit, predict differ from init, query"),
    ("check_query_ignores_order_and_company", CentresTheBatch, "alone: mean differs"),
    ("check_input_is_only_read", WritesIntoScores, "read-only"),
    ("check_forms_of_input", ArraysOnly, "'list' object has no attribute 'dtype'"),
    ("check_query_before_init", AnswersBeforeInit, "query before init: no NotInitializedError"),
    ("check_wrong_archs", Clips, "init with too large a value: no InvalidInputError"),
    ("check_empty", FailsOnEmpty, "zero-size array"),
    ("check_wrong_scores", AcceptsNaN, "scores that are NaN: no InvalidInputError"),
    ("check_few_archs", NeedsThree, "at least 3 rows"),
    ("check_few_archs", WronglyAsksForThree, "init with 1 architectures: no InvalidInputError"),
    ("check_constant_scores", DividesByTheSpread, "invalid value|not finite"),
    ("check_duplicate_rows", SingularOnTwins, "Singular matrix"),
    ("check_scale_of_scores", OwnScale, "scores in .* give"),
    ("check_learns", WrongSign, "Kendall tau is -0"),
    ("check_std", NoUncertainty, "std is zero everywhere"),
    ("check_evidence_may_be_unknown", AddsRawEvidence, "evidence with NaN: mean is not finite"),
    ("check_evidence_is_aligned", IgnoresAlignment, "init with evidence of other rows: no InvalidInputError"),
    (
        "check_required_evidence",
        SilentWithoutEvidence,
        "init without the evidence it requires: no MissingEvidenceError",
    ),
    ("check_curves", TakesAnyCurve, "a curve that is too short: no InvalidInputError"),
    ("check_pool", RejectsPools, "^pool$"),
    ("check_sources", TakesAnySource, "init with a source of another space: no InvalidInputError"),
    ("check_failed_init_changes_nothing", LeftHalfway, "a failed init changed"),
    ("check_no_global_state_is_touched", SeedsGlobally, r"changes \[.numpy's global generator.\]"),
    ("check_no_global_state_is_touched", SeedsEveryDevice, r"changes \[.CUDA's generators.\]"),
    ("check_pickle", HoldsALambda, "lambda"),
    ("check_save_and_load", HoldsALambda, "function_ is a function, which cannot be saved"),
    ("check_cross_val_score", FitNeedsEvidence, "evidence"),
    ("check_grid_search", FitNeedsEvidence, "evidence"),
    ("check_pipeline", FitNeedsEvidence, "evidence"),
    ("check_pipeline", CountsItsFits, "in a Pipeline it predicts something else"),
]
"""Check, a predictor that must fail it, and why."""


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Saving needs a name; the registry is as it was afterwards."""
    monkeypatch.setattr(PREDICTORS, "_entries", dict(PREDICTORS._entries))
    for predictor in (Ridge, HoldsALambda, Needy):
        PREDICTORS.register(f"test-{predictor.__name__.lower()}", summary="for this test")(predictor)


def test_a_sound_predictor_passes():
    check_predictor(Ridge("nasbench201"))


def test_every_check_has_a_predictor_that_it_catches():
    assert {check for check, _, _ in BROKEN} == set(CHECKS)


@pytest.mark.parametrize(("check", "broken", "reason"), BROKEN)
@pytest.mark.filterwarnings("ignore:Scoring failed")
def test_a_broken_predictor_is_caught(check, broken, reason):
    with pytest.raises(Exception, match=reason):
        CHECKS[check](broken("nasbench201"))


def test_check_predictor_names_predictor_and_check():
    with pytest.raises(AssertionError, match=r"WrongSign fails check_learns: Kendall tau is -0\.\d+ after 60 rows"):
        check_predictor(WrongSign("nasbench201"))


def test_required_evidence_is_made_up():
    check_predictor(Needy("nasbench201"))
