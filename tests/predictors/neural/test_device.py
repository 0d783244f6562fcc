"""Networks are trained on the device that is asked for: everything of a training lies there, and nothing else changes."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

import archcast
from archcast.errors import InvalidInputError
from archcast.evidence import Evidence, Source
from archcast.names import PREDICTORS
from archcast.predictors.neural.device import OnDevice
from archcast.torch_state import here

SPACE = archcast.get_space("nasbench201")
ARCHS = SPACE.sample(40, 0)
SCORES = (ARCHS == 3).sum(axis=1) - 0.5 * (ARCHS == 0).sum(axis=1)
CURVES = Evidence({"train_loss": 5 - SCORES[:, None] * np.arange(1, 6)})
SHORT = {
    "bananas": {"epochs": 2, "hidden": (4, 4)},
    "bohamiann": {"burn_in": 4, "draws": 2, "thinning": 2},
    "seminas": {"epochs": 2, "rounds": 1, "round_epochs": 1, "n_unlabelled": 20},
    "omni-seminas": {"passes": 1, "rounds": 1, "round_epochs": 1, "n_unlabelled": 20, "without": "proxy"},
}
NAMES = [name for name in PREDICTORS if issubclass(PREDICTORS[name], OnDevice)]


def made(name, device, short=True):
    """The predictor, not initialised."""
    settings = SHORT.get(name, {"epochs": 2}) if short else {"without": "proxy"} if name == "omni-seminas" else {}
    return archcast.get_predictor(name, SPACE, device=device, random_state=0, **settings)


def initialised(name, device, short=True):
    """The predictor, after init with what it learns from."""
    return made(name, device, short).init(ARCHS, SCORES, CURVES if name.startswith("omni") else None)


def answers(name, predictor, rows=ARCHS[:9]):
    curves = Evidence({"train_loss": CURVES.curves["train_loss"][: len(rows)]}) if name.startswith("omni") else None
    return predictor.query(rows, curves).mean


def test_every_network_has_a_device():
    folder = "archcast.predictors.neural."
    networks = [name for name in PREDICTORS if PREDICTORS.index[name].startswith(folder)]
    assert sorted([*networks, "omni-seminas"]) == sorted(NAMES)


@pytest.fixture
def meta(monkeypatch):
    """Lets networks be trained on "meta", whose tensors have no numbers, but a place: a tensor elsewhere is an error."""
    monkeypatch.setattr("archcast.torch_state.usable_device", torch.device)
    monkeypatch.setattr("archcast.predictors.hybrid.omni_seminas.FEWEST_STEPS", 1)
    monkeypatch.setattr("archcast.predictors.networks.seeded", lambda seed, device: torch.random.fork_rng(devices=[]))
    monkeypatch.setattr(torch.optim, "AdamW", lambda groups, lr, fused: torch.optim.SGD(groups, lr=lr))


@pytest.mark.usefixtures("meta")
@pytest.mark.parametrize("name", NAMES)
def test_all_of_a_training_lies_on_the_device(name):
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        initialised(name, "meta")
    assert here() == torch.device("cpu")


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_the_processor_does_not_matter(name):
    expected, found = initialised(name, "cpu"), initialised(name, "cpu:0")
    assert np.array_equal(answers(name, expected), answers(name, found))


@pytest.mark.parametrize("device", ["meta", "cuda:99", "no such device"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(InvalidInputError, match=f"device '{device}' cannot be used"):
        initialised("gcn", device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_sources_on_cuda():
    flan = made("flan", "cuda").init(ARCHS[:8], SCORES[:8], sources=[Source(SPACE, ARCHS[8:], SCORES[8:])])
    assert np.isfinite(answers("flan", flan)).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_on_cuda(name):
    before = torch.random.get_rng_state(), torch.cuda.get_rng_state()
    predictor = initialised(name, "cuda", short=False)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert torch.equal(before[1], torch.cuda.get_rng_state())
    assert here() == torch.device("cpu")
    others = SPACE.sample(200, 1)
    truth = (others == 3).sum(axis=1) - 0.5 * (others == 0).sum(axis=1)
    if name.startswith("omni"):
        others, truth = ARCHS, SCORES
    on_cuda, on_cpu = answers(name, predictor, others), answers(name, initialised(name, "cpu", short=False), others)
    assert kendalltau(on_cuda, truth).statistic > kendalltau(on_cpu, truth).statistic - 0.15
