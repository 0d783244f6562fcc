"""The diary against direct computations."""

from __future__ import annotations

import numpy as np
import torch

from archcast.predictors.one_shot._bilevel import Bilevel
from archcast.predictors.one_shot._paths import SampledPaths
from archcast.spaces.base import Task, get_space
from archcast.supernets.base import get_supernet
from archcast.supernets.diary import Diary
from archcast.supernets.loop import Settings
from archcast.supernets.queries import evaluate

SPACE = get_space("nasbench201")
TASK = Task((1, 8, 8), 4, width=4, depth=1, stages=1)


def test_an_entry_is_what_the_queries_say(few_images):
    net, (x, y) = get_supernet(SPACE, TASK), few_images.validation
    regime, rows = Bilevel(net, Settings(), 0, 0.01), SPACE.sample(4, 0)
    with torch.no_grad():
        regime.alpha.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(1)))
    diary = Diary(rows, x, y)
    diary.note(regime)
    (entry,) = diary.entries
    answers = evaluate(net, rows, x, y)
    np.testing.assert_allclose(entry["loss"], answers.loss)
    np.testing.assert_allclose(entry["accuracy"], answers.accuracy)
    assert entry["derived"].tolist() == regime.alpha.argmax(dim=1).tolist()
    with torch.no_grad():
        mixture = torch.nn.functional.cross_entropy(net.mixture(x, torch.softmax(regime.alpha, 1)), y)
    assert np.isclose(entry["mixture_loss"], float(mixture), rtol=1e-5)
    alone = evaluate(net, regime.alpha.argmax(dim=1).numpy()[None], x, y).loss[0]
    assert np.isclose(entry["derived_loss"], alone)


def test_the_eigenvalue_is_that_of_the_whole_hessian(few_images):
    net, (x, y) = get_supernet(SPACE, TASK).double(), few_images.validation
    regime = Bilevel(net, Settings(), 0, 0.01).double()
    diary = Diary(SPACE.sample(2, 0), x.double(), y)
    diary.note(regime)

    def loss(alpha):
        return torch.nn.functional.cross_entropy(net.mixture(x.double(), torch.softmax(alpha.view(6, 5), 1)).float(), y)

    hessian = torch.autograd.functional.hessian(loss, regime.alpha.detach().flatten())
    values = torch.linalg.eigvalsh(hessian)
    largest = values[values.abs().argmax()]
    assert np.isclose(diary.entries[0]["eigenvalue"], float(largest), rtol=0.05)


def test_without_a_mixture_there_are_scores_alone(few_images):
    regime = SampledPaths(get_supernet(SPACE, TASK), Settings(), 0, "functions", 1)
    diary = Diary(SPACE.sample(2, 0), *few_images.validation)
    diary.note(regime)
    assert set(diary.stacked()) == {"loss", "accuracy"}
