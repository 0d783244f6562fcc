"""NAS-Bench-360: NAS-Bench-201's cells on NinaPro (gestures) and Darcy flow (a differential equation)."""

from __future__ import annotations

from pathlib import Path

from archcast.data.base import Benchmark, register
from archcast.data.published._files import Part, reading
from archcast.data.published._finding import find
from archcast.data.published._nats import arch_texts, read_single
from archcast.data.published._nats_runs import benchmark_fields
from archcast.data.published.nasbench201 import read_extract
from archcast.spaces.base import get_space

__all__ = ["read"]

FILES = {"ninapro": "NATS-tss-v1_0-daa55.pickle.pbz2", "darcyflow": "NATS-tss-v1_0-48858.pickle.pbz2"}
ERRORS = ("darcyflow",)
"""Tasks whose accuracy fields hold an error."""

EXTRACTS = {"ninapro": "nb201_ninapro_full_training.pickle"}
"""What NASLib has of a task."""

GET = "Download {} (links in https://github.com/rtu715/NAS-Bench-360)."


@register(
    "nas-bench-360",
    summary="NAS-Bench-360, NAS-Bench-201's cells on NinaPro and Darcy flow, with curves; 15,625 cells",
    paper="Tu et al. 2022, https://arxiv.org/abs/2110.05668",
    space="nasbench201",
    tasks=tuple(FILES),
    needs="$ARCHCAST_DATA",
    patterns=(
        "NATS-tss-v1_0-daa55.pickle.pbz2",
        "NATS-tss-v1_0-48858.pickle.pbz2",
        "nb201_ninapro_full_training.pickle",
    ),
    architectures=15_625,
    licence="MIT",
    files=", ".join([*FILES.values(), *EXTRACTS.values()]),
    holds="curves, seeds, times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read the single file of a task, in NATS-Bench's layout, which is unpacked to a temporary file; or NASLib's extract of
    NinaPro, see ``nasbench201``.

    Metrics are ``val_accuracy`` and ``test_accuracy`` in percent as in ``nats-tss``. Darcy flow is a regression
    whose error stands in the fields of the accuracy: its metrics are ``neg_val_error`` and ``neg_test_error``,
    the sign turned, and its curves the errors. (That is what the benchmark's own description says; no file of it
    was at hand to check.)
    """
    wanted = [name for name in (FILES[task], EXTRACTS.get(task)) if name]
    found = find(wanted, folder, benchmark=f"nas-bench-360/{task}", get=GET.format(FILES[task]))
    part = min(found, key=_is_extract)
    if _is_extract(part):
        return Benchmark(
            f"nas-bench-360/{task}", get_space("nasbench201"), source=str(part.path), **read_extract(part, task)
        )
    arrays = read_single(part, {task: task})
    with reading(part, "a file of NAS-Bench-360"):
        fields = benchmark_fields(arrays, task)
        if task in ERRORS:
            for name in ("default_metric", "test_metric"):
                if fields[name]:
                    fields[name] = f"neg_{fields[name].replace('accuracy', 'error')}"
            fields["metrics"] = {
                f"neg_{name.replace('accuracy', 'error')}": -values for name, values in fields["metrics"].items()
            }
            fields["curves"] = {name.replace("accuracy", "error"): values for name, values in fields["curves"].items()}
        space = get_space("nasbench201")
        return Benchmark(
            f"nas-bench-360/{task}", space, space.parse(arch_texts(arrays)), source=str(part.path), **fields
        )


def _is_extract(part: Part) -> bool:
    return "full_training" in part.name or not (part.name.endswith("bz2") or "NATS" in part.name)
