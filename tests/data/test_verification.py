"""Checks of counts, optima and checksums."""

from __future__ import annotations

import hashlib
import json

import pytest

from archcast.data import verification
from archcast.data.verification import checksum, verify


def write(path, best: float, n: int) -> None:
    digits = [f"{k:b}".zfill(8)[-8:] for k in range(n)]
    table = {
        text: {"test_acc": [best], "mean_acc": best - k, "std": 0.0, "params": 1, "flops": 1}
        for k, text in enumerate(digits)
    }
    path.write_text(json.dumps(table))


def test_a_part_of_a_benchmark(tmp_path) -> None:
    write(tmp_path / "nas-bench-macro_cifar10.json", 93.0, 5)
    _, checks = verify("nasbench-macro", tmp_path)
    found = {check.what: check for check in checks}
    assert found["architectures"].passed is False
    assert found["architectures"].detail == "5 of 6,561"
    assert found["best test_accuracy of these"].passed is None
    assert found["architectures that occur once"].passed is True
    write(tmp_path / "nas-bench-macro_cifar10.json", 99.0, 5)
    _, checks = verify("nasbench-macro", tmp_path)
    assert {check.what: check.passed for check in checks}["best test_accuracy"] is False, "better than the best"


def test_checksums(tmp_path, monkeypatch) -> None:
    file = tmp_path / "nas-bench-macro_cifar10.json"
    write(file, 93.0, 3)
    told = []
    assert (
        checksum(file, report=lambda done, total: told.append((done, total)))
        == hashlib.sha256(file.read_bytes()).hexdigest()
    )
    assert told == [(file.stat().st_size,) * 2]
    for right in (True, False):
        digits = checksum(file) if right else "0" * 64
        monkeypatch.setattr(verification, "SHA256", {file.name: digits})
        _, checks = verify("nasbench-macro", tmp_path)
        assert checks[0].what == "SHA-256 of nas-bench-macro_cifar10.json"
        assert checks[0].passed is right


def test_md5_in_the_name() -> None:
    match = verification.MD5_IN_NAME.fullmatch
    assert match("NAS-Bench-201-v1_1-096897.pth")[1] == "096897"
    assert match("NATS-tss-v1_0-3ffb9.pickle.pbz2")[2] == "3ffb9"
    assert match("NATS-sss-v1_0-50262.pickle.pbz2")[2] == "50262"
    assert match("000011.pickle.pbz2") is None


@pytest.mark.parametrize("name", ["nasbench-mr/seg", "nasbench-mr/cls-50-1000"])
def test_real_files_agree(shared, name) -> None:
    benchmark, checks = verify(name, shared / "formats")
    assert len(benchmark) == 2507
    assert all(check.passed for check in checks)
    assert any(check.what.startswith("best") for check in checks)


@pytest.mark.parametrize(
    ("name", "files", "count"),
    [
        ("nats-tss/cifar10", "nats-bench", 5),
        ("nats-tss/cifar100", "nats-bench", 2),
        ("nats-tss/imagenet16-120", "nats-bench", 2),
        ("nats-sss/cifar10", "nats-bench", 2),
        ("nats-sss/cifar100", "nats-bench", 1),
        ("hw-nas-bench/cifar10", "hw-nas-bench", 9),
        ("nasbench-macro", "nas-bench-macro", 1),
        ("nasbench101", "nasbench101/nasbench_full_first_record.tfrecord", 1),
    ],
)
def test_published_values_of_single_architectures(shared, name, files, count) -> None:
    """Of the real fragments; a value that is changed is noticed."""
    benchmark, checks = verify(name, shared / "formats" / files)
    single = [check for check in checks if ", published" in check.detail and not check.what.startswith("best")]
    assert len(single) == count
    assert all(check.passed for check in single), [check for check in single if not check.passed]
    other = {text: {key: 1.01 * value for key, value in row.items()} for text, row in verification.KNOWN[name].items()}
    assert not any(check.passed for check in verification._values(benchmark, other))


def test_module_hashes_of_real_records(shared, tmp_path) -> None:
    source = shared / "formats" / "nasbench101" / "DERIVED_only108_30archs.tfrecord"
    (tmp_path / "nasbench_only108.tfrecord").write_bytes(source.read_bytes())
    _, checks = verify("nasbench101", tmp_path)
    found = {check.what: check for check in checks}
    assert found["module hashes of the first 90 records"].passed
    assert found["SHA-256 of nasbench_only108.tfrecord"].passed is False, "30 of 423,624 cells"
