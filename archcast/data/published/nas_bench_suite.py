"""NAS-Bench-Suite: the 25 tasks that NASLib offers under one interface, from the files that it reads."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from archcast.data.base import BENCHMARKS, Benchmark, register
from archcast.errors import DataNotFoundError

__all__ = ["TASKS", "read"]

VISION = ("class_scene", "class_object", "room_layout", "jigsaw", "segmentsemantic", "normal", "autoencoder")
TASKS = {
    "nasbench101/cifar10": ("nasbench101", "nasbench_only108.pkl"),
    **{
        f"nasbench201/{task}": (f"nasbench201/{task}", f"nb201_{file}_full_training.pickle")
        for task, file in (("cifar10", "cifar10"), ("cifar100", "cifar100"), ("imagenet16-120", "ImageNet16"))
    },
    "nasbench301/cifar10": ("nasbench301", "nb301_full_training.pickle"),
    "nasbench-nlp/ptb": ("nasbench-nlp", "nb_nlp.pickle"),
    "nasbench-asr/timit": ("nasbench-asr", "nb-asr-e40-*.pickle"),
    **{
        f"nasbench-mr/{task}": (f"nasbench-mr/{setting}", f"{setting}/trainval.pkl")
        for task, setting in (
            ("imagenet50-1000", "cls-50-1000"),
            ("cityscapes", "seg"),
            ("kitti", "3ddet"),
            ("hmdb51", "video"),
        )
    },
    **{
        f"transbench101_{kind}/{task}": (f"transnasbench101-{kind}/{task}", "transnas-bench_v10141024.pth")
        for kind in ("micro", "macro")
        for task in VISION
    },
}
"""Each task, the benchmark here that is its data, and the file of it that NASLib reads."""

MODELS = {"nasbench301": "nb_models_1.0", "nasbench-nlp": "nbnlp_v01", "nasbench-mr": "nasbench-mr's models"}
"""What answers for architectures that nobody trained, where there is such a thing."""


@register(
    "nas-bench-suite",
    summary="NAS-Bench-Suite, 25 tasks of eight search spaces, from the files that NASLib reads",
    paper="Mehta et al. 2022, https://arxiv.org/abs/2201.13396",
    tasks=tuple(TASKS),
    needs="$ARCHCAST_DATA",
    patterns=tuple(dict.fromkeys(file for _, file in TASKS.values())),
    licence="Apache-2.0",
    files="those of naslib/data: " + ", ".join(dict.fromkeys(file for _, file in TASKS.values())),
    holds="curves, times, costs",
)
def read(task: str, folder: Path | None) -> Benchmark:
    """Read the data of a task: a space and a data set, ``nasbench201/cifar10``.

    The suite has no data of its own: its tasks are benchmarks that are read here under their own names too, with the same
    metrics. NASLib answers some tasks from surrogates: of NAS-Bench-301, NAS-Bench-NLP and NAS-Bench-MR for any architecture, and
    with learning curves from NAS-Bench-x11. They are pickled models, which would have to be executed: they are refused. What is
    read of these tasks are the trainings of which the surrogates were made.

    Raises:
        DataNotFoundError: the data is not there; says what NASLib calls it, and what to do where only a surrogate is at hand.
    """
    name, file = TASKS[task]
    reader, _, of = name.partition("/")
    info = BENCHMARKS.entry(reader).info
    try:
        found = BENCHMARKS[reader](of or info.get("default_task", ""), folder)
    except DataNotFoundError as error:
        needs = re.sub(r"^Benchmark '[^']*'", f"Benchmark 'nas-bench-suite/{task}'", str(error))
        models = MODELS.get(task.partition("/")[0])
        refused = (
            f" The models ({models}) are code and are refused; archcast surrogate {name} makes one of the trainings."
        )
        raise DataNotFoundError(f"{needs} NASLib's file is {file}.{refused if models else ''}") from error
    return dataclasses.replace(found, name=f"nas-bench-suite/{task}")
