"""What is learnt and how large the network is: shapes, types, losses, sizes, and what makes no sense."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
import torch

from archcast.errors import InvalidInputError, UnknownNameError
from archcast.spaces.base import SPACES, SearchSpace, get_space
from archcast.spaces.task import LOSSES, Task
from archcast.testing import check_space

BUILT = [name for name in SPACES.names() if SPACES.entry(name).info["buildable"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shape", ()),
        ("shape", [3, 32, 32]),
        ("shape", (3, 0, 32)),
        ("shape", (3, 32, 32.5)),
        ("shape", ((3, 32), (3, -1))),
        ("shape", (3, 10**30, 2)),
        ("classes", 0),
        ("classes", 2.5),
        ("classes", True),
        ("outputs", ()),
        ("outputs", (3, "4")),
        ("outputs", 10**30),
        ("width", 0),
        ("width", "16"),
        ("width", 1e30),
        ("width", 10**30),
        ("width", 100_000),
        ("depth", -1),
        ("depth", float("nan")),
        ("stages", 0),
        ("stages", False),
        ("loss", "hinge"),
        ("dtype", "float16"),
        ("dtype", ("float32", "float32")),
        ("vocabulary", 10),
    ],
)
def test_a_task_that_makes_no_sense(field, value):
    with pytest.raises(InvalidInputError, match=rf"^task\.{field} must ") as caught:
        Task(**{field: value})
    assert len(str(caught.value)) < 250


def test_whole_numbers_need_a_vocabulary():
    with pytest.raises(InvalidInputError, match=r"^task\.vocabulary must be given for inputs of type int64"):
        Task((128,), dtype="int64")


def test_classes_or_outputs():
    assert (
        Task().outputs == Task(classes=10).outputs == Task(outputs=10).outputs == Task(outputs=(10,)).outputs == (10,)
    )
    with pytest.raises(InvalidInputError, match=r"give one of the two"):
        Task(classes=10, outputs=(10,))


def test_sizes_have_a_short_form():
    assert Task((3, 8, 8), 5, 4, 2, 1) == Task((3, 8, 8), 5, size={"width": 4, "depth": 2, "stages": 1})
    assert Task(width=np.int64(8), depth=None).size == {"width": 8}
    assert Task(width=8) != Task(width=9)


def test_it_can_be_copied_and_looked_up():
    task = Task((3, 8, 8), 5, width=4)
    for twin in (pickle.loads(pickle.dumps(task)), dataclasses.replace(task), eval(repr(task))):
        assert twin == task
        assert hash(twin) == hash(task)
    assert dataclasses.replace(task, size={"depth": 3}) == Task((3, 8, 8), 5, depth=3)


TASKS = {
    "images": Task((3, 6, 5), 4),
    "regression": Task((7,), outputs=(1,), loss="mse"),
    "bounded": Task((7,), outputs=(2, 3), loss="l1"),
    "labels": Task((7,), outputs=(5,), loss="binary_cross_entropy"),
    "pixels": Task((3, 6, 5), outputs=(4, 6, 5)),
    "text": Task((12,), outputs=(9, 12), dtype="int64", vocabulary=9),
    "graph": Task(((10, 4), (2, 30)), outputs=(3, 10), dtype=("float32", "int64"), vocabulary=(None, 10)),
}


@pytest.mark.parametrize("name", TASKS)
def test_noise_has_the_shapes_types_and_ranges_that_the_loss_takes(name):
    task = TASKS[name]
    inputs, targets = task.noise(200, torch.Generator().manual_seed(0))
    for part, shape, dtype, vocabulary in zip(
        inputs if isinstance(inputs, tuple) else (inputs,), task.shapes, task.dtypes, task.vocabularies, strict=True
    ):
        assert part.shape == (200, *shape)
        assert str(part.dtype) == f"torch.{dtype}"
        if vocabulary is not None:
            assert set(part.unique().tolist()) == set(range(vocabulary))
    loss = task.loss_function()(torch.zeros(200, *task.outputs), targets)
    assert loss.ndim == 0
    expected = {"cross_entropy": np.log(task.outputs[0]), "binary_cross_entropy": np.log(2)}.get(task.loss)
    if expected is not None:
        assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_every_loss_is_used():
    assert {task.loss for task in TASKS.values()} == set(LOSSES)
    assert TASKS["regression"].classes is None
    assert TASKS["pixels"].classes == 4


# -- what spaces make of it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT)
def test_a_size_that_a_space_does_not_have_is_refused(name):
    space = get_space(name)
    for size in ({"heads": 2}, {"width": 4, "stages": 2, "heads": 1}):
        with pytest.raises(InvalidInputError, match=rf"Networks of space '{name}' have no size '(heads|stages)'"):
            space.build(space.sample(1, 0)[0], dataclasses.replace(space.task_of(None), size=size))


def test_the_message_lists_the_sizes_that_there_are():
    with pytest.raises(InvalidInputError, match=r"have no size 'stages', which is 1\. .* width \(32\), depth \(8\)"):
        get_space("darts").size_of(Task(stages=1))


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "darts", "nats-size", "nasbench-macro"])
@pytest.mark.parametrize("task", ["regression", "text", "graph", "pixels"])
def test_networks_for_images_refuse_other_tasks(name, task):
    space = get_space(name)
    with pytest.raises(InvalidInputError, match=rf"Networks of space '{name}' classify images"):
        space.build(space.sample(1, 0)[0], TASKS[task])


def test_tasks_of_the_paper_have_names():
    space = get_space("nasbench201")
    with torch.device("meta"):
        assert space.build([3] * 6, "imagenet16-120").classifier.out_features == 120
    with pytest.raises(UnknownNameError, match=r"Unknown task 'cifar-10' of space 'nasbench201'.*cifar10"):
        space.build([3] * 6, "cifar-10")
    with pytest.raises(UnknownNameError, match="It has none"):
        get_space("nasbench-graph").task_of("cora")


class Towers(type(get_space("nasbench-macro"))):
    """Layers of a perceptron."""

    sizes = {"units": 16}
    tasks = {"energy": Task((5,), outputs=(1,), loss="mse")}
    costs = SearchSpace.costs

    def build(self, arch, task=None):
        task = self.task_of(task)
        units = self.size_of(task)["units"]
        return torch.nn.Sequential(torch.nn.Linear(*task.shape, units), torch.nn.Linear(units, *task.outputs))


def test_a_network_of_a_users_own_for_regression():
    """Nothing in a task is about images: a space of a user's own reads shape, outputs and its own size."""
    space = Towers()
    assert sum(p.numel() for p in space.build([0] * 8).parameters()) == 5 * 16 + 16 + 16 + 1
    assert space.costs([[0] * 8])["macs"] == 5 * 16 + 16
    task = Task((5,), outputs=(1,), loss="mse", size={"units": 3})
    inputs, targets = task.noise(4, torch.Generator().manual_seed(0))
    assert task.loss_function()(space.build([0] * 8, task)(inputs), targets).isfinite()
    check_space(space)
