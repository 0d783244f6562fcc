"""HW-GPT-Bench: measured latency, energy and memory of language models of GPT's kind on many devices."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archcast.data._stand_ins import CONTAINERS, NUMPY
from archcast.data.base import register
from archcast.data.benchmark import Benchmark
from archcast.data.published._columns import as_benchmark, column_array, firsts, flatten, left_out
from archcast.data.published._files import Part, reading, unpickled
from archcast.data.published._finding import find
from archcast.data.published._gather import stack
from archcast.errors import InvalidInputError
from archcast.spaces.base import get_space

__all__ = ["read"]

SIZES = ("s", "m", "l")
MEASURED = {"latencies": "latency", "energies": "energy"}
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?|True|False")
MAX_TEXT = 1 << 14
GET = "Download gpt_{}/stats.pkl (links in https://github.com/automl/HW-GPT-Bench)."


@register(
    "hw-gpt-bench",
    summary="HW-GPT-Bench, measured latency, energy and memory of language models on many devices, three sizes",
    paper="Sukthanker et al. 2024, https://arxiv.org/abs/2405.10299",
    tasks=SIZES,
    needs="$ARCHCAST_DATA",
    patterns=("gpt_*/stats.pkl",),
    licence="Apache-2.0",
    files="gpt_<s|m|l>/stats.pkl",
    holds="costs",
)
def read(size: str, folder: Path | None) -> Benchmark:
    """Read ``gpt_<size>/stats.pkl``.

    Costs are ``latency_<device>`` in milliseconds and ``energy_<device>``, medians of the published repetitions, ``flops``,
    ``params`` and what is published of memory. The default metric is ``neg_perplexity``, the perplexity with the sign turned, of
    the network with the weights of the supernet, where the file has it; the others are ``neg_latency_<device>`` and
    ``neg_energy_<device>``. The benchmark's surrogate models would have to be executed and are refused.
    The space is ``hw-gpt-<size>``. Where a text is not in its
    notation, decisions are the numbers of the texts in their order; a number that a shorter network does not have
    is absent.
    """
    part = find([f"gpt_{size}/stats.pkl"], folder, benchmark=f"hw-gpt-bench/{size}", get=GET.format(size))[0]
    table = unpickled(part, {**NUMPY, **CONTAINERS}, max_opcodes=400_000_000, limit=1 << 33)
    with reading(part, "the statistics of HW-GPT-Bench"):
        texts = list(table)
        arrays = stack([_costs(table[text]) for text in texts])
        costs = {name: column_array(values.tolist(), part, name) for name, values in arrays.items()}
        scores = {"neg_perplexity": -costs.pop("perplexity")} if "perplexity" in costs else {}
        scores |= {"accuracy": costs.pop("accuracy")} if "accuracy" in costs else {}
        metrics = scores | {
            f"neg_{name}": -values for name, values in costs.items() if name.startswith(("latency_", "energy_"))
        }
        space = get_space(f"hw-gpt-{size}")
        try:
            archs: Any = space.parse([str(text) for text in texts])
        except InvalidInputError:
            return _of_numbers(part, size, texts, metrics, costs)
        keep = firsts([tuple(row) for row in archs.tolist()])
        return Benchmark(
            f"hw-gpt-bench/{size}",
            space,
            archs[keep],
            {name: values[keep] for name, values in metrics.items()},
            next(iter(metrics)),
            costs={name: values[keep] for name, values in costs.items()},
            source=str(part.path),
            left_out=left_out(repeated_architectures=len(texts) - len(keep)),
        )


def _of_numbers(
    part: Part, size: str, texts: Sequence[Any], metrics: Mapping[str, Any], costs: Mapping[str, Any]
) -> Benchmark:
    """A benchmark whose decisions are the numbers of its texts."""
    described = [_decisions(str(text)) for text in texts]
    names = list(dict.fromkeys(name for some in described for name in some))
    keep = firsts([tuple(some.get(name) for name in names) for some in described])
    decisions = {name: [described[place].get(name) for place in keep] for name in names}
    return as_benchmark(
        f"hw-gpt-bench/{size}",
        {name: values for name, values in decisions.items() if len(set(values)) > 1} or decisions,
        {name: values[keep] for name, values in metrics.items()},
        next(iter(metrics)),
        costs={name: values[keep] for name, values in costs.items()},
        source=str(part.path),
        left_out=left_out(repeated_architectures=len(texts) - len(keep)),
    )


def _decisions(text: str) -> dict[str, Any]:
    """Name -> value: of a dictionary that is written out, its entries; of another text, its numbers in order."""
    if len(text) > MAX_TEXT:
        raise ValueError("the text of an architecture is too long")
    if text.lstrip().startswith("{"):
        return flatten(ast.literal_eval(text))
    found = NUMBER.findall(text)
    return {f"part{k}": ast.literal_eval(number) for k, number in enumerate(found, 1)}


def _costs(entry: Mapping[str, Any]) -> dict[str, float]:
    out: dict[str, float] = {}
    for name, value in entry.items():
        if isinstance(value, Mapping):
            for measured, short in MEASURED.items():
                if measured in value:
                    out[f"{short}_{name}"] = _median(value[measured])
        elif not isinstance(value, (str, bool, type(None))):
            out[str(name)] = _median(value)
    return out


def _median(values: Any) -> float:
    """Of a number, a list or an array; NaN of an empty one."""
    array = np.asarray(values, dtype=np.float64).ravel()
    return float(np.median(array)) if array.size else float("nan")
