"""NAS-Bench-360: NATS-Bench's single file with other data sets."""

from __future__ import annotations

import bz2
import pickle

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError

SPACE = archcast.get_space("nasbench201")


def write(path, rng, nats_arch, dataset):
    texts = SPACE.format(SPACE.sample(3, rng))
    infos = {}
    for k, text in enumerate(texts):
        infos[k] = nats_arch(rng, k, text, {"200": 200}, seeds=(777,), datasets=("cifar100",))
        info = infos[k]["200"]
        info["all_results"] = {(dataset, seed): run for (_, seed), run in info["all_results"].items()}
        info["dataset_seed"] = {dataset: [777]}
    whole = {"meta_archs": texts, "total_archs": 3, "arch2infos": infos, "evaluated_indexes": {0, 1, 2}}
    path.write_bytes(bz2.compress(pickle.dumps(whole, protocol=4)))
    return texts, [infos[k]["200"]["all_results"][dataset, 777]["eval_acc1es"] for k in range(3)]


def test_ninapro(tmp_path, rng, nats_arch) -> None:
    texts, values = write(tmp_path / "NATS-tss-v1_0-daa55.pickle.pbz2", rng, nats_arch, "ninapro")
    benchmark = archcast.load_benchmark("nas-bench-360/ninapro", path=tmp_path)
    assert SPACE.format(benchmark.archs) == texts
    np.testing.assert_array_equal(benchmark.scores("val_accuracy"), [run["x-valid@199"] for run in values])
    np.testing.assert_array_equal(benchmark.scores("test_accuracy"), [run["x-test@199"] for run in values])


def test_the_extract_of_naslib(tmp_path, rng) -> None:
    texts = SPACE.format(SPACE.sample(3, rng))
    lists = {name: rng.random(200).tolist() for name in ("train_losses", "train_acc1es", "eval_losses")}
    table = {
        text: {"ninapro": {**lists, "eval_acc1es": rng.random(202).tolist(), "cost_info": {"params": 0.5}}}
        for text in texts
    }
    (tmp_path / "nb201_ninapro_full_training.pickle").write_bytes(pickle.dumps(table))
    benchmark = archcast.load_benchmark("nas-bench-360/ninapro", tmp_path)
    assert SPACE.format(benchmark.archs) == texts
    last = [entry["ninapro"]["eval_acc1es"][-1] for entry in table.values()]
    np.testing.assert_array_equal(benchmark.scores("test_accuracy"), last)


def test_the_error_of_darcy_flow_turns_its_sign(tmp_path, rng, nats_arch) -> None:
    _, values = write(tmp_path / "NATS-tss-v1_0-48858.pickle.pbz2", rng, nats_arch, "darcyflow")
    benchmark = archcast.load_benchmark("nas-bench-360/darcyflow", tmp_path)
    np.testing.assert_array_equal(benchmark.scores(), [-run["x-valid@199"] for run in values])
    assert (benchmark.default_metric, benchmark.test_metric) == ("neg_val_error", "neg_test_error")
    assert not any("accuracy" in name for name in [*benchmark.metrics, *benchmark.curves])


def test_damaged_files(tmp_path, rng, nats_arch, survives) -> None:
    file = tmp_path / "NATS-tss-v1_0-daa55.pickle.pbz2"
    write(file, rng, nats_arch, "ninapro")
    assert survives(file, lambda: archcast.load_benchmark("nas-bench-360/ninapro", file), times=20) >= 15
    file.write_bytes(bz2.compress(pickle.dumps({"meta_archs": []})))
    with pytest.raises(InvalidFileError, match="holds no architectures"):
        archcast.load_benchmark("nas-bench-360/ninapro", file)
