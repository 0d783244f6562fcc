"""Common checks of the search space contract, for archcast's own spaces and for yours.

``check_space(MySpace())`` runs them all; :func:`space_checks` lists them, so that a test suite can be parametrised over them. Each
check takes a space that it does not change, and raises ``AssertionError`` with what is wrong.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from archcast.costs import CONVENTIONS, COSTS
from archcast.errors import InvalidInputError, UnknownNameError, short
from archcast.graphs import ABSENT, KINDS, CellGraphs, Operation
from archcast.spaces.base import SPACES, SearchSpace, Task
from archcast.testing._assertions import expect_error, require

__all__ = ["check_space", "space_checks"]

SMALL = {"width": 6, "depth": 1, "embedding": 5, "hidden": 4}
"""Sizes of the networks that are built to be checked."""
WORDS = 11
"""Vocabulary of the texts that these networks read."""

Check = Callable[[SearchSpace], None]
_CHECKS: list[Check] = []


def space_checks() -> list[Check]:
    """The checks, each a function of a space."""
    return list(_CHECKS)


def check_space(space: SearchSpace) -> None:
    """Run every check on ``space``.

    Examples:
        >>> import archcast
        >>> check_space(archcast.get_space("transnasbench101-macro"))

    Raises:
        AssertionError: names the first check that failed and says why.
    """
    for check in _CHECKS:
        try:
            check(space)
        except Exception as error:
            raise AssertionError(f"{type(space).__name__} fails {check.__name__}: {error}") from error


def _check(function: Check) -> Check:
    _CHECKS.append(function)
    return function


def _rows(space: SearchSpace, n: int = 50, seed: int = 0) -> NDArray[np.int64]:
    """Sampled rows that cannot be written to: a method that changes its argument fails."""
    rows = space.sample(n, seed)
    rows.flags.writeable = False
    return rows


def _equal(a: object, b: object, what: str) -> None:
    require(np.array_equal(np.asarray(a), np.asarray(b)), what)


# -- rows --------------------------------------------------------------------------------------------------------------


@_check
def check_description(space: SearchSpace) -> None:
    d = len(space.cardinalities)
    require(isinstance(space.name, str) and space.name, "name must be a text")
    require(d and all(isinstance(c, int) and c >= 1 for c in space.cardinalities), "cardinalities: positive integers")
    require(len(set(space.columns)) == len(space.columns) == d, f"columns must be {d} different names")
    require((type(space).__doc__ or "").strip(), "the class has no docstring")


@_check
def check_sample(space: SearchSpace) -> None:
    rows = space.sample(50, 0)
    require(rows.shape == (50, len(space.cardinalities)) and rows.dtype == np.int64, f"sample gave {rows.shape}")
    _equal(space.validate(rows), rows, "sample gave rows that are not in the space")
    _equal(space.sample(50, 0), rows, "the same seed gave other rows")
    _equal(space.sample(50, np.random.default_rng(0)), rows, "a generator and its seed gave different rows")
    require(not np.array_equal(space.sample(50, 1), rows), "another seed gave the same rows")
    require(space.sample(0, 0).shape == (0, rows.shape[1]), "sample(0) must have shape (0, d)")
    many = space.sample(max(2000, min(20 * max(space.cardinalities), 100_000)), 2)
    drawn = space.active(many).sum(axis=0)
    near = space.neighbors(rows[0])
    for j, c in enumerate(space.cardinalities):
        if 20 * c > drawn[j]:  # too many values to expect each of them
            continue
        found = np.unique(many[:, j])
        usable = {*near[:, j].tolist(), int(rows[0, j])}
        require(usable <= set(found.tolist()), f"column {j} of {c} values: sample never gives some that are valid")


@_check
def check_global_generators_are_left_alone(space: SearchSpace) -> None:
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    rows = space.sample(5)
    space.mutate(rows)
    space.canonical(rows)
    require(pickle.dumps(np.random.get_state()) == before, "numpy's global generator was used")  # noqa: NPY002


@_check
def check_validate(space: SearchSpace) -> None:
    rows = _rows(space)
    require(space.is_valid(rows).tolist() == [True] * len(rows), "is_valid must be (n,) bool, True for sampled rows")
    small = np.min_scalar_type(-max(space.cardinalities))
    for same in (rows.tolist(), rows.astype(small), rows.astype(np.float64), np.asfortranarray(rows)):
        _equal(space.validate(same), rows, "validate must accept integers of any type")
    _equal(space.validate(rows[0]), rows[:1], "one row must count as a batch of one")
    out = space.validate(rows)
    require(out.dtype == np.int64 and not np.shares_memory(out, rows), "validate must return a new int64 array")


@_check
def check_errors(space: SearchSpace) -> None:
    rows = space.sample(4, 0)
    column = int(np.argmax(space.cardinalities))
    for value in (-1, space.cardinalities[column]):
        bad = rows.copy()
        bad[2, column] = value
        with expect_error(InvalidInputError, "a value out of range", f"archs[2, {column}] is {value}"):
            space.validate(bad)
    for fraction in (np.nan, np.inf, 0.5):
        fractional = rows.astype(np.float64)
        fractional[1, 0] = fraction
        with expect_error(InvalidInputError, f"the value {fraction}", "integers"):
            space.validate(fractional)
    for wrong in (rows[:, 1:], rows[None], 3, rows[0, 1:]):
        with expect_error(InvalidInputError, "a wrong shape", "shape"):
            space.validate(wrong)
    with expect_error(InvalidInputError, "texts instead of rows", "integers"):
        space.validate(rows.astype(str))
    with expect_error(InvalidInputError, "no rows", "empty"):
        space.validate(rows[:0], allow_empty=False)
    grid = np.random.default_rng(0).integers(0, space.cardinalities, size=(500, rows.shape[1]))
    outside = grid[~space.is_valid(grid)]
    if len(outside):
        with expect_error(InvalidInputError, "a row that is not in the space", "archs[1]"):
            space.validate(np.stack([rows[0], outside[0]]))


@_check
def check_inactive_decisions(space: SearchSpace) -> None:
    rows = space.sample(200, 0)
    active = space.active(rows)
    require(active.shape == rows.shape and active.dtype == np.bool_, "active must be (n, d) bool")
    require((rows[~active] == 0).all(), "an inactive decision is not 0")
    if active.all():
        return
    i, j = next((i, j) for i, j in np.argwhere(~active).tolist() if space.cardinalities[j] > 1)
    wrong = rows[i].copy()
    wrong[j] = 1
    with expect_error(InvalidInputError, "an inactive decision that is not 0", "archs[0"):
        space.validate(wrong)


def _is_neighbor(space: SearchSpace, row: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``(n,)`` bool: of the decisions that are active in both rows exactly one differs, and it is not one that the change of
    another has switched on or off."""
    both = space.active(row[None]) & space.active(others)
    return ((row != others) & both).sum(axis=1) == 1


@_check
def check_neighbors(space: SearchSpace) -> None:
    if not space.active(space.sample(200, 0)).all():
        for row in _rows(space, 5):
            near = space.neighbors(row)
            _equal(space.validate(near), near, "a neighbour is not in the space")
            require(
                _is_neighbor(space, row, near).all(), f"neighbours of {row.tolist()} differ in other decisions than one"
            )
            require(len(np.unique(near, axis=0)) == len(near), f"{row.tolist()} has a neighbour twice")
            _equal(space.neighbors(row), near, "the same row has other neighbours")
        return
    for row in _rows(space, 5):
        expected = []
        for j, c in enumerate(space.cardinalities):
            for value in range(c):
                other = row.copy()
                other[j] = value
                if value != row[j] and space.is_valid(other[None])[0]:
                    expected.append(other.tolist())
        _equal(space.neighbors(row), np.array(expected).reshape(-1, len(row)), f"neighbours of {row.tolist()}")


@_check
def check_mutate(space: SearchSpace) -> None:
    rows = _rows(space, 20)
    mutated = space.mutate(rows, 0)
    _equal(space.mutate(rows, 0), mutated, "the same seed gave other mutations")
    _equal(space.validate(mutated), mutated, "a mutation is not in the space")
    for row, other in zip(rows, mutated, strict=True):
        stays = np.array_equal(row, other) and len(space.neighbors(row)) == 0
        require(
            stays or bool(_is_neighbor(space, row, other[None])[0]), f"{other.tolist()} is no move from {row.tolist()}"
        )


@_check
def check_empty_batch(space: SearchSpace) -> None:
    none = np.zeros((0, len(space.cardinalities)), dtype=np.int64)
    _equal(space.parse([]), none, "parse([]) must have shape (0, d)")
    _equal(space.canonical(none), none, "canonical of no rows")
    _equal(space.mutate(none, 0), none, "mutate of no rows")
    require(space.format(none) == [], "format of no rows")
    require(not space.has_graph or len(space.graphs(none)) == 0, "graphs of no rows")


# -- notation ----------------------------------------------------------------------------------------------------------


@_check
def check_notation(space: SearchSpace) -> None:
    rows = _rows(space)
    texts = space.format(rows)
    require(
        len(texts) == len(rows) and all(isinstance(t, str) and "\n" not in t for t in texts), "format: one line each"
    )
    require(len(set(texts)) == len({tuple(row) for row in rows.tolist()}), "different rows have the same text")
    _equal(space.parse(texts), rows, "parse(format(rows)) is not rows")
    _equal(space.parse(texts[0]), rows[:1], "one text must give one row")
    _equal(space.parse([f" {texts[0]}\n"]), rows[:1], "space around a text must not matter")
    require(space.format(space.parse(texts)) == texts, "format(parse(texts)) is not texts")


@_check
def check_malformed_text(space: SearchSpace) -> None:
    text = space.format(_rows(space, 1))[0]
    for bad in ("", "nonsense", text[:-1], text[1:], text + text, text + "é", text.swapcase() + "x"):
        with expect_error(InvalidInputError, f"the text {bad!r}", short(bad, 240)):
            space.parse([text, bad])


# -- graphs and canonical form -----------------------------------------------------------------------------------------


def _require_sound(graphs: CellGraphs, what: str) -> None:
    adjacency, ops = graphs.adjacency, graphs.operations
    n, v = ops.shape
    require(adjacency.shape == (n, v, v) and adjacency.dtype == np.bool_, f"{what}: adjacency must be (n, v, v) bool")
    require(not np.tril(adjacency).any(), f"{what}: nodes are not in topological order")
    require(((ops >= 0) & (ops < len(graphs.op_names)) | (ops == ABSENT)).all(), f"{what}: unknown operation code")
    absent = ops == ABSENT
    touched = np.logical_or(adjacency.any(axis=1), adjacency.any(axis=2))
    require(not (touched & absent).any(), f"{what}: an absent node has an edge")
    require(len(set(graphs.op_names)) == len(graphs.op_names), f"{what}: op_names are not unique")
    inside = np.zeros((v, v), dtype=bool)
    terminals = np.zeros(v, dtype=bool)
    for cell in graphs.cells:
        inside[cell, cell] = True
        nodes = np.arange(v)[cell]
        terminals[[*nodes[: graphs.inputs], nodes[-1]]] = True
    require(inside.any(axis=1).all(), f"{what}: a node belongs to no cell")
    require(not (adjacency & ~inside).any(), f"{what}: an edge between cells")
    is_terminal = (ops >= 0) & (ops < graphs.terminals)
    require((is_terminal == terminals).all(), f"{what}: inputs first, output last, operations between")
    require(sum(len(part.operations[0]) for part in graphs.split()) == v if n else True, f"{what}: split loses nodes")


@_check
def check_graphs(space: SearchSpace) -> None:
    rows = _rows(space)
    if not space.has_graph:
        with expect_error(InvalidInputError, "graphs of a space without graphs", "no cell graph"):
            space.graphs(rows)
        return
    graphs = space.graphs(rows)
    require(len(graphs) == len(rows), "one graph for each row")
    _require_sound(graphs, "graphs")
    one = space.graphs(rows[7])
    _equal(one.adjacency, graphs[7:8].adjacency, "the graph of a row depends on the other rows")
    _equal(one.operations, graphs[7:8].operations, "the operations of a row depend on the other rows")


@_check
def check_operations(space: SearchSpace) -> None:
    if not space.has_graph:
        return
    graphs = space.graphs(_rows(space, 1))
    for name in graphs.op_names[graphs.terminals :]:
        known = name in graphs.declared or name == graphs.zero_op
        require(known, f"operation {name!r} is not declared: say what it is, operations = {{{name!r}: Operation(...)}}")
    for name, operation in graphs.declared.items():
        require(isinstance(operation, Operation), f"operation {name!r}: {operation!r} is no archcast.graphs.Operation")
        require(operation.kind in KINDS, f"operation {name!r} is declared as {operation.kind!r}")


@_check
def check_pruned_graphs(space: SearchSpace) -> None:
    if not space.has_graph:
        return
    graphs = space.graphs(_rows(space))
    pruned = graphs.pruned()
    _require_sound(pruned, "pruned")
    require((pruned.adjacency <= graphs.adjacency).all(), "pruning added an edge")
    kept = pruned.operations != ABSENT
    _equal(pruned.operations[kept], graphs.operations[kept], "pruning changed an operation")
    again = pruned.pruned()
    _equal(again.adjacency, pruned.adjacency, "pruning twice is not pruning once")
    _equal(again.operations, pruned.operations, "pruning twice is not pruning once")


@_check
def check_canonical(space: SearchSpace) -> None:
    rows = _rows(space)
    canonical = space.canonical(rows)
    _equal(space.validate(canonical), canonical, "a canonical row is not in the space")
    _equal(space.canonical(canonical), canonical, "canonical is not idempotent")
    _equal(space.canonical(rows[::-1]), canonical[::-1], "canonical depends on the order of the rows")
    _equal(space.canonical(rows[3]), canonical[3:4], "canonical depends on the other rows")


@_check
def check_enumerate(space: SearchSpace) -> None:
    try:
        rows = space.enumerate()
    except InvalidInputError as error:
        require("sample" in str(error), "a space that is too large must point to sample")
        return
    _equal(space.validate(rows[:: max(1, len(rows) // 10_000)]), rows[:: max(1, len(rows) // 10_000)], "invalid rows")
    order = (rows[1:] != rows[:-1]).argmax(axis=1)
    step = (rows[1:] - rows[:-1])[np.arange(len(rows) - 1), order]
    require((step > 0).all(), "enumerate must be in lexicographic order, without duplicates")
    weights = np.random.default_rng(0).integers(1, 2**62, size=rows.shape[1], dtype=np.int64)
    found = np.isin(space.canonical(space.sample(200, 0)) @ weights, rows @ weights)
    require(found.all(), "enumerate misses a class of the space")


# -- objects -----------------------------------------------------------------------------------------------------------


@_check
def check_copies(space: SearchSpace) -> None:
    space.canonical(_rows(space))
    require("\n" not in repr(space) and space.name in repr(space), f"repr is {space!r}")
    for twin in (
        pickle.loads(pickle.dumps(space)),
        copy.deepcopy(space),
        *([type(space)()] if SPACES.name_of(type(space)) else []),
    ):
        require(twin == space and hash(twin) == hash(space), "a copy is not equal to the space")
        _equal(twin.canonical(_rows(space)), space.canonical(_rows(space)), "a copy has another canonical form")
    require(len(pickle.dumps(space)) < 10_000, "a pickled space must not carry its tables")


@_check
def check_build(space: SearchSpace) -> None:
    if not _builds(space):
        with expect_error(InvalidInputError, "a space that cannot build", "cannot build"):
            space.build(_rows(space, 1)[0])
        return
    import torch

    rows = _rows(space, 6)
    connected, task = _connected(space, rows), _small_task(space)
    prunes = "pruned" in inspect.signature(space.build).parameters
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]), _without_compiled_kernels():
        torch.manual_seed(0)
        for row, reachable in zip(rows, connected, strict=True):
            whole = space.build(row, task)
            network = space.build(row, task, pruned=True) if prunes else whole
            inputs, _ = task.noise(2, generator)
            for built in (whole, network):
                out = built(*inputs) if isinstance(inputs, tuple) else built(inputs)
                shaped = tuple(out.shape) == (2, *task.outputs) and bool(out.isfinite().all())
                require(shaped, f"{row.tolist()}: output of shape {tuple(out.shape)}")
            out.square().sum().backward()
            idle = [name for name, p in network.named_parameters() if p.grad is None]
            require(not idle or not reachable, f"{row.tolist()}: parameters that the output does not depend on: {idle}")
            sizes = [sum(p.numel() for p in built.parameters()) for built in (network, whole)]
            require(sizes[0] <= sizes[1], f"{row.tolist()}: pruning added parameters")
        with torch.device("meta"):
            require(space.build(rows[0]) is not None, "the network of the paper cannot be built")
    if space.sizes:
        with expect_error(InvalidInputError, "a size that the space does not have", "no size 'sides'"):
            space.build(rows[0], dataclasses.replace(task, size={"sides": 3}))


@contextmanager
def _without_compiled_kernels() -> Iterator[None]:
    """oneDNN compiles a kernel for every shape, which takes longer than all else in small networks."""
    import torch

    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


def _builds(space: SearchSpace) -> bool:
    """Whether the space can build networks; a space of choices can where it was given a builder."""
    return type(space).build is not SearchSpace.build and getattr(space, "builder", space) is not None


def _connected(space: SearchSpace, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``(n,)`` whether the input of every cell reaches its output; of spaces without cells, always."""
    if not space.has_graph:
        return np.ones(len(rows), dtype=bool)
    cells = space.graphs(rows).pruned().split()
    return np.logical_and.reduce([cell.adjacency[:, :, -1].any(axis=1) for cell in cells])


def _small_task(space: SearchSpace) -> Task:
    """The usual task with small networks, and small images or short texts of few words if it is one of these."""
    usual = space.task_of(None)
    size = {name: min(value, SMALL.get(name, value)) for name, value in space.sizes.items()}
    if len(usual.shapes) == 1 and len(usual.shapes[0]) == 3 and len(usual.outputs) == 1:
        return Task((2, 9, 8), 3, size=size)
    if (
        len(usual.shapes) == 1 and len(usual.shapes[0]) == 3 and usual.outputs[1:] == usual.shapes[0][1:]
    ):  # of each pixel
        return dataclasses.replace(usual, shape=(2, 17, 12), outputs=(3, 17, 12), size=size)
    if all(dtype == "int64" and len(shape) == 1 for dtype, shape in zip(usual.dtypes, usual.shapes)):
        return _short_texts(usual, size)
    if usual.dtypes == ("float32",) and len(usual.shapes[0]) == len(usual.outputs) == 2:  # a label for so many frames
        shape = (usual.shapes[0][0], 2 * (usual.shapes[0][1] // usual.outputs[1]))
        return Task(shape, outputs=(usual.outputs[0], 2), size=size)
    return dataclasses.replace(usual, size=size)


def _short_texts(usual: Task, size: dict[str, int]) -> Task:
    """A task whose inputs are texts with few words of few different ones; what of the output was as large is as small."""
    lengths = {shape[0]: 7 - k for k, shape in enumerate(usual.shapes)}
    words = {vocabulary: WORDS + k for k, vocabulary in enumerate(usual.vocabularies)}
    shapes = tuple((lengths[shape[0]],) for shape in usual.shapes)
    vocabularies = tuple(words[vocabulary] for vocabulary in usual.vocabularies)
    small = {number: new for number, new in [*words.items(), *lengths.items()] if number is not None}
    one = len(shapes) == 1
    return dataclasses.replace(
        usual,
        shape=shapes[0] if one else shapes,
        vocabulary=vocabularies[0] if one else vocabularies,
        outputs=tuple(small.get(side, min(side, 3)) for side in usual.outputs),
        size=size,
    )


@_check
def check_costs(space: SearchSpace) -> None:
    rows = _rows(space, 4)
    if not _builds(space) and type(space).costs is SearchSpace.costs:
        with expect_error(InvalidInputError, "costs of a space that cannot build", "cannot build"):
            space.costs(rows)
        return
    task, connected = _small_task(space), _connected(space, rows)
    for k, convention in enumerate(CONVENTIONS):
        whole = space.costs(rows, convention, task=task)
        for pruned in (False, True) if "pruned" in inspect.signature(space.build).parameters else (False,):
            found = space.costs(rows, convention, task=task, pruned=pruned)
            require(list(found) == list(COSTS), f"costs must be {', '.join(COSTS)}, got {', '.join(found)}")
            for name, values in found.items():
                require(values.shape == (4,) and values.dtype == np.float64, f"{name} must be (4,) float64")
            if not _builds(space):
                continue
            same = pruned and all(np.array_equal(found[name], whole[name]) for name in COSTS)
            some = slice(k, k + 1) if same else slice(k, k + 2)
            built = SearchSpace.costs(space, rows[some], convention, task=task, pruned=pruned)
            for name in COSTS:
                use = connected[some] if name == "depth" else slice(None)
                what = f"{name} by {convention} is not that of the built networks"
                _equal(found[name][some][use], built[name][use], what)
    one = space.costs(rows[2], task=task)
    _equal([one[name][0] for name in COSTS], [space.costs(rows, task=task)[name][2] for name in COSTS], "one row alone")
    require(space.costs(rows[:0], task=task)["macs"].shape == (0,), "costs of no rows must have shape (0,)")
    with expect_error(UnknownNameError, "an unknown convention", "Unknown convention"):
        space.costs(rows, "flop")
