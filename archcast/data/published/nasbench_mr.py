"""NAS-Bench-MR: 2,507 multi-resolution networks on nine settings of four vision tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archcast.data.base import Benchmark, register
from archcast.data.published._columns import as_benchmark, column_array, firsts, in_space, left_out
from archcast.data.published._files import reading, unpickled
from archcast.data.published._finding import find

__all__ = ["read"]

SETTINGS = ("cls-50-1000", "cls-50-100", "cls-10-1000", "cls-10c", "seg", "seg-4x", "video", "video-p", "3ddet")
BRANCHES = 4
PREFERRED = ("top1", "mIoU", "moderate")
DESCRIPTION = ("network_setting", "inverted_residual_setting", "input_channel", "last_channel", "embedding")
COSTS = ("flops", "params")
GET = "Download data/<setting>/trainval.pkl of https://github.com/dingmyu/NCP (academic use)."

COLUMNS = (
    "stem1",
    "stem2",
    *(
        f"{kind}{stage}{branch}"
        for stage in range(1, BRANCHES + 1)
        for kind, branches in (
            ("blocks", [""]),
            *((k, [f"_{b}" for b in range(1, stage + 1)]) for k in ("units", "channels")),
        )
        for branch in branches
    ),
    "last",
)
"""The 27 decisions: channels of the stem, of each stage how often its block repeats and of each of its branches
how many residual
units and channels it has, channels of the end."""


@register(
    "nasbench-mr",
    summary="NAS-Bench-MR, multi-resolution networks on classification, segmentation, video and 3D detection; 2,507",
    paper="Ding et al. 2021, https://arxiv.org/abs/2103.13253",
    tasks=SETTINGS,
    needs="$ARCHCAST_DATA",
    patterns=(
        "trainval.pkl",
        "*.trainval.pkl",
    ),
    architectures=2_507,
    licence="2-clause BSD for academic use",
    files="<setting>/trainval.pkl",
    holds="costs",
)
def read(setting: str, folder: Path | None) -> Benchmark:
    """Read ``<setting>/trainval.pkl`` or ``<setting>.trainval.pkl``.

    Metrics keep their names: ``top1`` and ``top5``, or ``mIoU``, ``mAcc`` and ``aAcc``, or the average precision of
    ``moderate`` and other cars, in percent, on the validation images of the setting. Costs are ``flops`` (G
    multiply-adds) and ``params`` (M). The architectures of all settings are the same ones.
    """
    found = find(
        [f"{setting}/trainval.pkl", f"{setting}.trainval.pkl"], folder, benchmark=f"nasbench-mr/{setting}", get=GET
    )
    part = found[0]
    jobs = unpickled(part, {}, limit=1 << 28)
    with reading(part, "a table of NAS-Bench-MR"):
        rows = [decisions(job) for job in jobs]
        keep = firsts(rows)
        names = [name for name, value in jobs[0].items() if name not in DESCRIPTION and isinstance(value, (int, float))]
        values = {name: column_array([jobs[place].get(name) for place in keep], part, name) for name in names}
        metrics = {name: column for name, column in values.items() if name not in COSTS}
        default = next((name for name in PREFERRED if name in metrics), next(iter(metrics)))
        fields: dict[str, Any] = {
            "costs": {name: values[name] for name in COSTS if name in values},
            "source": str(part.path),
            "left_out": left_out(repeated_architectures=len(rows) - len(keep)),
        }
        known = in_space("nasbench-mr", [str(list(rows[place])) for place in keep])
        if known is not None:
            return Benchmark(f"nasbench-mr/{setting}", *known, metrics, default, **fields)
        return as_benchmark(
            f"nasbench-mr/{setting}",
            {column: [rows[place][j] for place in keep] for j, column in enumerate(COLUMNS)},
            metrics,
            default,
            choices={column: (1, 2, 3, 4) for column in COLUMNS if column.startswith(("blocks", "units"))},
            **fields,
        )


def decisions(job: Mapping[str, Any]) -> tuple[int, ...]:
    """The 27 numbers of a network, from its description: a list of (branches, units, channels), once for each
    repetition.

    The same numbers are published as ``embedding``, which must agree where it is there.
    """
    blocks: Sequence[Any] = job[
        "inverted_residual_setting" if "inverted_residual_setting" in job else "network_setting"
    ]
    out = list(job["input_channel"])
    for branches in range(1, BRANCHES + 1):
        stage = [block for block in blocks if block[0] == branches]
        if any(block != stage[0] for block in stage) or len(stage[0][1]) != branches or len(stage[0][2]) != branches:
            raise ValueError(f"the blocks of {branches} branches are not equal")
        out += [len(stage), *stage[0][1], *stage[0][2]]
    out.append(job["last_channel"])
    if len(out) != len(COLUMNS) or ("embedding" in job and list(job["embedding"]) != out):
        raise ValueError("the embedding is not that of the network")
    return tuple(int(value) for value in out)
