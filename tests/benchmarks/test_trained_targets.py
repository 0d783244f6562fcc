"""Made-up targets: images whose labels are what is drawn, scores by hand, a benchmark of the lines of a file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def targets(load_script):
    return load_script("benchmarks/trained_targets.py")


def test_labels_are_what_is_drawn(targets):
    """A shape has the mean colour of its class: 1.5 in one channel, give or take; the ground has none."""
    images, labels = targets.shapes(40, 0)
    assert images.shape == (40, 3, 64, 64)
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    colour = np.array([images.transpose(0, 2, 3, 1)[labels == kind].mean(axis=0) for kind in range(4)])
    assert np.abs(colour[0]).max() < 0.02
    assert colour[1:].argmax(axis=1).tolist() == [0, 1, 2]
    assert np.array_equal(targets.shapes(40, 0)[1], labels)


def test_scores_by_hand(targets):
    labels = torch.tensor([[[0, 1], [2, 3]]])
    right = torch.nn.functional.one_hot(labels, 4).permute(0, 3, 1, 2).float()
    assert targets.score(right, labels) == 1
    ground = torch.zeros_like(right)
    ground[:, 0] = 1  # one of four pixels is right, of the class whose union is all four
    assert targets.score(ground, labels) == 1 / 16
    assert targets.score(torch.eye(4)[[0, 1, 1, 3]], torch.tensor([0, 1, 2, 3])) == 0.75


def test_lines_of_a_file_are_a_benchmark(targets, tmp_path):
    rows = targets.rows_of("dpc", 3)
    lines = [
        {"space": "dpc", "arch": row.tolist(), "seed": k, "curve": [0.1 * k, 0.2 * k]} for k, row in enumerate(rows)
    ]
    path = tmp_path / "found.jsonl"
    path.write_text("\n".join(map(json.dumps, [*lines, {"space": "nasbot", "arch": [0], "seed": 0, "curve": [0.0]}])))
    benchmark = targets.benchmark_of(path, "dpc")
    assert np.array_equal(benchmark.archs, rows)
    assert benchmark.scores("score").tolist() == pytest.approx([0, 0.2, 0.4])
    assert benchmark.curves["score"].shape == (3, 2)
