"""The sampler in studies, on files that processes share, one of which is killed."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archcast
from archcast.errors import ArchcastError, InvalidInputError
from archcast.search import ZeroCost
from archcast.spaces import SearchSpace

optuna = pytest.importorskip("optuna", reason="needs the extra 'optuna'")

from optuna.storages import JournalStorage, RDBStorage  # noqa: E402
from optuna.storages.journal import JournalFileBackend  # noqa: E402
from optuna.trial import TrialState, create_trial  # noqa: E402

from archcast.integrations._beside import Beside  # noqa: E402
from archcast.integrations.optuna import (  # noqa: E402
    PredictorSampler,
    arch_of,
    distributions,
    requeue_lost,
    suggest_arch,
)

optuna.logging.set_verbosity(optuna.logging.WARNING)

NB201 = archcast.get_space("nasbench201")
FAST = {"predictor": "bayesian-linear", "n_candidates": 50, "n_startup_trials": 4}


class Odd(SearchSpace):
    """Four bits, an odd number of them ones; rows are the same function as their reverse: four functions in eight rows."""

    name = "odd"
    cardinalities = (2, 2, 2, 2)
    columns = ("a", "b", "c", "d")

    def _parse(self, text):
        return [int(c) for c in text]

    def format(self, archs):
        return ["".join(map(str, row)) for row in self.validate(archs).tolist()]

    def graphs(self, archs):
        return archcast.get_space("nasbench201").graphs(np.zeros((len(archs), 6), dtype=int))

    def is_valid(self, archs):
        return archs.sum(axis=1) % 2 == 1

    def function_keys(self, archs):
        back = archs[:, ::-1]
        return np.minimum(archs @ [8, 4, 2, 1], back @ [8, 4, 2, 1])[:, None]


ODD = Odd()


def study_of(space=NB201, *, direction="maximize", storage=None, pruner=None, seed=0, **params):
    sampler = PredictorSampler(space, **{**FAST, **params}, seed=seed)
    return optuna.create_study(direction=direction, sampler=sampler, storage=storage, pruner=pruner)


def count(trial, space=NB201):
    return float((suggest_arch(trial, space) == 3).sum())


def keys(study, space=NB201, states=None):
    rows = np.array([arch_of(trial, space) for trial in study.get_trials(states=states)])
    return [row.tobytes() for row in space.canonical(rows)]


# -- the sampler ----------------------------------------------------------------------------------------------------------


def test_the_best_is_found_and_nothing_twice() -> None:
    study = study_of(predictor="gp")
    study.optimize(count, n_trials=25)
    assert study.best_value >= 5
    assert study.best_trial.user_attrs["arch"] == NB201.format(arch_of(study.best_trial, NB201))[0]
    assert max(Counter(keys(study)).values()) == 1


def test_lower_is_better_where_the_study_says_so() -> None:
    up, down = study_of(), study_of(direction="minimize")
    up.optimize(count, n_trials=10)
    down.optimize(lambda trial: -count(trial), n_trials=10)
    assert [trial.params for trial in up.trials] == [trial.params for trial in down.trials]


def test_a_seed_repeats_a_study_and_another_does_not() -> None:
    found = []
    for seed in (1, 1, 2):
        study = study_of(seed=seed)
        study.optimize(count, n_trials=7)
        found.append([trial.params for trial in study.trials])
    assert found[0] == found[1] != found[2]


def test_a_new_sampler_goes_on_where_the_old_one_stopped() -> None:
    whole, parts = study_of(), study_of()
    whole.optimize(count, n_trials=9)
    parts.optimize(count, n_trials=5)
    parts.sampler = PredictorSampler(NB201, **FAST, seed=0)
    parts.optimize(count, n_trials=4)
    assert [trial.params for trial in whole.trials] == [trial.params for trial in parts.trials]


def test_all_functions_of_a_constrained_space_then_an_end() -> None:
    study = study_of(ODD)
    with pytest.raises(ArchcastError, match=r"Every architecture of space 'odd', or of the pool, has been suggested"):
        study.optimize(lambda trial: float(suggest_arch(trial, ODD).sum()), n_trials=9)
    done = study.get_trials(states=[TrialState.COMPLETE])
    rows = np.array([arch_of(trial, ODD) for trial in done])
    assert len(done) == 4 == len(np.unique(ODD.function_keys(ODD.enumerate())))
    assert ODD.is_valid(rows).all()


def test_running_enqueued_failed_and_pruned_trials_are_not_suggested_again() -> None:
    study = study_of(ODD)
    running = arch_of(study.ask(distributions(ODD)), ODD)
    free = next(row for row in ODD.enumerate() if (ODD.canonical(row) != ODD.canonical(running)).any())
    study.enqueue_trial(dict(zip(ODD.columns, free.tolist())))
    study.add_trial(create_trial(state=TrialState.RUNNING))  # by another worker, while the one before still waits
    failed = optuna.trial.Trial(study, study.trials[2]._trial_id)
    suggest_arch(failed, ODD)
    study.tell(failed, state=TrialState.FAIL)
    assert (arch_of(study.ask(distributions(ODD)), ODD) == free).all()
    study.tell(study.ask(distributions(ODD)), state=TrialState.PRUNED)
    assert len(set(keys(study, ODD))) == 4
    with pytest.raises(ArchcastError, match="Every architecture"):
        study.ask(distributions(ODD))


def test_pruned_trials_teach_with_their_forecast_else_with_their_last_value(monkeypatch) -> None:
    study = study_of()
    rows = NB201.sample(4, 5)
    told = []

    def add(row, **more):
        params = dict(zip(NB201.columns, row.tolist()))
        study.add_trial(create_trial(params=params, distributions=distributions(NB201), **more))

    add(rows[0], state=TrialState.COMPLETE, value=0.9)
    add(rows[1], state=TrialState.PRUNED, intermediate_values={0: 0.1, 1: 0.2}, system_attrs={"archcast:forecast": 0.4})
    add(rows[2], state=TrialState.PRUNED, intermediate_values={0: 0.1, 1: 0.3})
    add(rows[3], state=TrialState.FAIL)
    from archcast.search.strategies.bayesian import Bayesian

    monkeypatch.setattr(Bayesian, "tell", lambda self, archs, scores: told.append((archs, scores)))
    study.ask(distributions(NB201))
    assert (told[0][0] == rows).all()
    np.testing.assert_equal(told[0][1], [0.9, 0.4, 0.3, math.nan])


def test_another_worker_may_choose_the_same_at_the_same_time(monkeypatch) -> None:
    """While the first worker thinks, a second one takes what the first is about to choose: the first chooses again."""
    study, other = study_of(), []
    choose = PredictorSampler._choose

    def slowly(self, study, trial, attempt):
        row = choose(self, study, trial, attempt)
        if not other:
            fixed = dict(zip(NB201.columns, row.tolist()))
            other.append(row)
            study.add_trial(create_trial(state=TrialState.RUNNING, params=fixed, distributions=distributions(NB201)))
        return row

    monkeypatch.setattr(PredictorSampler, "_choose", slowly)
    trial = study.ask(distributions(NB201))
    assert len(set(keys(study))) == 2
    assert (arch_of(study.trials[1], NB201) == other[0]).all()
    assert study.trials[0].system_attrs["archcast:arch"] == trial.params


def test_other_parameters_beside_the_architecture() -> None:
    study = study_of()
    study.optimize(lambda trial: count(trial) + trial.suggest_float("rate", 0, 1), n_trials=6)
    assert len({trial.params["rate"] for trial in study.trials}) == 6


def tuned(trial):
    """Worth of an architecture, less what a wrong learning rate and a wrong optimiser cost; the rate matters more."""
    rate = trial.suggest_float("rate", 1e-5, 1.0, log=True)
    wrong = 3.0 * (trial.suggest_categorical("optimiser", ["sgd", "adam", None]) != "adam")
    return count(trial) - 2 * (math.log10(rate) + 2) ** 2 - wrong


def test_other_parameters_are_modelled_with_the_architecture() -> None:
    study = study_of(predictor="gp", n_startup_trials=8)
    study.optimize(tuned, n_trials=32)
    late = study.trials[20:]
    assert np.mean([t.params["optimiser"] == "adam" for t in late]) > 0.7, "at random it would be a third"
    assert np.mean([abs(math.log10(t.params["rate"]) + 2) for t in late]) < 0.75, "at random it would be 1.3"
    assert study.best_value > 3.5
    assert len(set(keys(study))) > 15, "architectures are searched as well"


def test_an_architecture_may_come_again_with_another_learning_rate() -> None:
    study = study_of(ODD, predictor="gp", n_startup_trials=4)
    study.optimize(lambda trial: -(math.log10(trial.suggest_float("rate", 1e-5, 1, log=True)) + 2) ** 2
                   + count(trial, ODD), n_trials=12)  # fmt: skip
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials), "twelve trials of four functions"
    seen = [(key, trial.params["rate"]) for key, trial in zip(keys(study, ODD), study.trials)]
    assert len(set(seen)) == 12
    assert max(Counter(key for key, _ in seen).values()) >= 3


def test_every_pair_of_architecture_and_choice_once_then_an_end() -> None:
    study = study_of(ODD, n_startup_trials=3)
    objective = lambda trial: count(trial, ODD) + (trial.suggest_categorical("flip", [False, True]))  # noqa: E731
    with pytest.raises(ArchcastError, match="every value of the other parameters"):
        study.optimize(objective, n_trials=20)
    done = study.get_trials(states=(TrialState.COMPLETE,))
    pairs = Counter(zip(keys(study, ODD, states=(TrialState.COMPLETE,)), [trial.params["flip"] for trial in done]))
    assert len(pairs) == 8
    assert max(pairs.values()) == 1


def test_fixed_parts_of_a_trial_are_kept() -> None:
    study = study_of(predictor="gp")
    study.optimize(tuned, n_trials=6)
    study.enqueue_trial(dict.fromkeys(NB201.columns, 3))
    study.enqueue_trial({"rate": 0.5, "optimiser": "sgd"})
    study.optimize(tuned, n_trials=2)
    assert arch_of(study.trials[6], NB201).tolist() == [3] * 6
    assert (study.trials[7].params["rate"], study.trials[7].params["optimiser"]) == (0.5, "sgd")


def test_a_predictor_without_evidence_leaves_other_parameters_to_tpe() -> None:
    dngo = archcast.get_predictor("dngo", NB201, n_members=1, epochs=5)
    study = study_of(predictor=dngo, acquisition="mean", n_candidates=10)
    study.optimize(lambda trial: count(trial) - (trial.suggest_int("layers", 1, 9) - 5) ** 2, n_trials=6)
    assert len({trial.number for trial in study.trials if trial.state == TrialState.COMPLETE}) == 6


@given(st.data())
def test_values_beside_the_architecture_stay_in_their_ranges(data) -> None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    low = data.draw(st.integers(1, 20))
    high = low + data.draw(st.integers(0, 50))
    step = data.draw(st.integers(1, 7))
    top = low + (high - low) // step * step
    beside = Beside(
        {
            "f": FloatDistribution(low, high), "g": FloatDistribution(low, high, log=True),
            "i": IntDistribution(low, high, log=True),
            "s": IntDistribution(low, top, step=step), "t": FloatDistribution(low, low + 0.3, step=0.1),
            "c": CategoricalDistribution([1, True, "1", None]),
        }
    )  # fmt: skip
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    near = beside.draw(rng)
    for values in (near, beside.draw(rng, near)):
        assert beside.of(values) == values
        assert (values["s"] - low) % step == 0
        assert all(d._contains(d.to_internal_repr(values[n])) for n, d in beside.distributions.items())
        evidence = beside.evidence([values]).proxies
        assert all(0 <= float(column[0]) <= 1 for column in evidence.values())
        assert sum(float(evidence[f"c={i}"][0]) for i in range(4)) == 1
    assert beside.of({**near, "f": high + 1}) is None
    assert beside.of({"f": low}) is None


def test_enqueued_architectures_come_as_they_are() -> None:
    study = study_of()
    study.enqueue_trial(dict.fromkeys(NB201.columns, 3))
    study.enqueue_trial({NB201.columns[0]: 3})
    study.optimize(count, n_trials=1)
    assert study.best_value == 6
    with pytest.raises(
        InvalidInputError, match=r"trial 1 was enqueued with some columns of space 'nasbench201'\. Enqueue all"
    ):
        study.optimize(count, n_trials=1)


def test_zero_cost_warm_up_and_pool() -> None:
    pool = NB201.enumerate()[::50]
    best = ZeroCost(lambda rows: (rows == 3).sum(axis=1), warmup=len(pool))
    study = study_of(pool=pool, zero_cost=best, n_startup_trials=2)
    study.optimize(count, n_trials=4)
    assert study.trials[0].value == (NB201.canonical(pool) == 3).sum(axis=1).max() or study.trials[0].value >= 4
    inside = {tuple(row) for row in pool.tolist()}
    assert all(tuple(arch_of(trial, NB201).tolist()) in inside for trial in study.trials)


def test_hyperband_may_judge_the_curves() -> None:
    study = study_of(pruner=optuna.pruners.HyperbandPruner(max_resource=4))
    study.optimize(count, n_trials=6)
    assert max(Counter(keys(study)).values()) == 1


def test_several_objectives_are_refused() -> None:
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=PredictorSampler(NB201, **FAST))
    with pytest.raises(InvalidInputError, match="PredictorSampler takes one objective, the study has several"):
        study.ask(distributions(NB201))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"predictor": "nonsense"}, "Unknown predictor 'nonsense'"),
        ({"predictor": "xgboost"}, "has no std"),
        ({"predictor": "lc-pfn"}, "needs the curve"),
        ({"acquisition": "eii"}, "Unknown acquisition 'eii'. Did you mean 'ei'"),
        ({"n_startup_trials": 0}, "n_startup_trials must be a whole number of at least 1, got 0"),
        ({"wrong": 1}, "has no parameter 'wrong'"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
    ],
)
def test_wrong_parameters_are_named_at_once(params, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        PredictorSampler(NB201, **params)


def test_other_samplers_may_leave_the_space_and_the_error_says_so() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    study.enqueue_trial(dict.fromkeys(ODD.columns, 0))
    with pytest.raises(InvalidInputError, match=r"\[0, 0, 0, 0\] is not an architecture of space 'odd'"):
        suggest_arch(study.ask(), ODD)


def test_a_trial_without_an_architecture() -> None:
    with pytest.raises(
        InvalidInputError, match=r"trial 0 has no parameter '0->1', a column of space 'nasbench201'\. Let the"
    ):
        arch_of(optuna.create_study().ask(), NB201)


# -- many processes -------------------------------------------------------------------------------------------------------

WORKER = """
import os, signal, sys, time
import optuna, archcast
from archcast.integrations.optuna import PredictorSampler, requeue_lost, suggest_arch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

where, log, trials, dies = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
storage = JournalStorage(JournalFileBackend(where))
space = archcast.get_space("nasbench201")
sampler = PredictorSampler(space, "bayesian-linear", n_startup_trials=4, n_candidates=50, seed=0)
study = optuna.create_study(study_name="s", storage=storage, load_if_exists=True, direction="maximize", sampler=sampler)
mine = 0

def note(word, arch):
    with open(log, "a") as file:
        file.write(f"{word} {os.getpid()} {space.format(arch[None])[0]}\\n")

def objective(trial):
    global mine
    mine += 1
    arch = suggest_arch(trial, space)
    note("begin", arch)
    if mine == dies:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)
    note("end", arch)
    return float((arch == 3).sum())

if dies == 0 and any(t.state.name == "RUNNING" for t in study.trials):
    requeue_lost(study)
study.optimize(objective, n_trials=trials)
"""


def worker(tmp_path: Path, where: str, trials: int, dies: int = -1):
    (tmp_path / "worker.py").write_text(WORKER)
    command = [sys.executable, str(tmp_path / "worker.py"), where, str(tmp_path / "log"), str(trials), str(dies)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)


def test_two_workers_share_a_study_and_one_is_killed(tmp_path: Path) -> None:
    where = str(tmp_path / "study.log")
    study = optuna.create_study(study_name="s", storage=JournalStorage(JournalFileBackend(where)), direction="maximize")
    two = [worker(tmp_path, where, 6), worker(tmp_path, where, 6, dies=4)]
    errors = [process.communicate(timeout=300)[1] for process in two]
    assert [process.returncode for process in two] == [0, -signal.SIGKILL], errors
    assert len(study.get_trials(states=[TrialState.COMPLETE])) == 6 + 3  # all that was finished is there
    assert len(study.get_trials(states=[TrialState.RUNNING])) == 1

    again = worker(tmp_path, where, 3, dies=0)
    assert again.communicate(timeout=300)[1] is not None
    assert again.returncode == 0
    done = study.get_trials(states=[TrialState.COMPLETE])
    log = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    begun, ended = (Counter(arch for word, _, arch in log if word == which) for which in ("begin", "end"))
    assert len(done) == 6 + 3 + 3
    assert sorted(trial.user_attrs["arch"] for trial in done) == sorted(ended.elements())
    assert max(Counter(keys(study, states=[TrialState.COMPLETE])).values()) == 1
    lost = begun - ended
    assert list(lost.values()) == [1]  # the architecture in training when the worker was killed ...
    assert set(lost) <= set(ended)  # ... is the only one that was begun twice, and it is finished now
    assert all(trial.value == (arch_of(trial, NB201) == 3).sum() for trial in done)


def test_two_workers_on_one_database(tmp_path: Path) -> None:
    """What one writes the other sees: they never choose twins, though both ask before either tells."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    one = optuna.create_study(
        study_name="s", storage=RDBStorage(url), direction="maximize", sampler=PredictorSampler(ODD, **FAST, seed=0)
    )
    two = optuna.load_study(study_name="s", storage=RDBStorage(url), sampler=PredictorSampler(ODD, **FAST, seed=0))
    asked = [study.ask(distributions(ODD)) for study in (one, two)]
    for study, trial in zip((one, two), asked):
        study.tell(trial, 1.0)
    for study in (two, one):
        study.ask(distributions(ODD))
    assert len(set(keys(one, ODD))) == 4


def test_only_lost_trials_are_enqueued_again() -> None:
    study = study_of()
    study.optimize(count, n_trials=2)
    old, empty = study.ask(distributions(NB201)), study.ask()
    assert requeue_lost(study, older_than=60) == []
    with pytest.raises(InvalidInputError, match=r"^study must be an optuna\.Study"):
        requeue_lost("study")
    assert requeue_lost(study) == [old.number, empty.number]
    assert requeue_lost(study) == []
    assert [trial.state for trial in study.trials[2:]] == [TrialState.FAIL, TrialState.FAIL, TrialState.WAITING]
    again = study.ask(distributions(NB201))
    assert again.params == old.params
    with pytest.raises(ValueError, match="FAIL"):
        study.tell(old, 1.0)


def test_a_claim_without_training_is_void() -> None:
    """A worker that dies between its choice and its training leaves the architecture to others."""
    study = study_of(ODD)
    begun = [study.ask(distributions(ODD)) for _ in range(3)]
    trial = study.ask()
    chosen = trial.relative_params  # chosen and claimed, not suggested to the objective yet
    with pytest.raises(ArchcastError, match="Every architecture"):
        study.ask(distributions(ODD))
    requeue_lost(study)
    again = [study.ask(distributions(ODD)) for _ in range(4)]
    assert [one.params for one in again[:3]] == [one.params for one in begun]
    assert (ODD.canonical(arch_of(again[3], ODD)) == ODD.canonical(list(chosen.values()))).all()
