"""``benchmarks/one_shot.py``."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import archcast
from archcast.names import PREDICTORS, get_predictor
from archcast.training import load_dataset, settings_for


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("benchmarks/one_shot.py")


def test_every_row_names_a_predictor_and_every_predictor_has_a_row(script):
    assert {name for name, _ in script.SETTINGS.values()} == set(PREDICTORS.names("one-shot*"))


def test_judge(script):
    truth = np.arange(40.0)
    found = script.judge(truth, truth)
    assert found == {"tau": 1.0, "half": 1.0, "ten": truth[-10:].mean()}
    turned = truth.copy()
    turned[20:] = turned[20:][::-1]
    assert script.judge(turned, truth)["half"] == -1.0


def test_permuted_labels_are_the_same_labels_in_another_order(script):
    data, plain = script.permuted(0), load_dataset("digits")
    assert torch.equal(data.train[0], plain.train[0])
    assert not torch.equal(data.train[1], plain.train[1])
    assert torch.equal(data.train[1].bincount(), plain.train[1].bincount())
    assert torch.equal(data.validation[1], plain.validation[1])


def test_a_study_is_shown(script, tmp_path, capsys, monkeypatch):
    method, settings = script.SETTINGS["SNAS"]
    small = {"task": archcast.Task(width=4, depth=1, stages=1), "batch_size": 384, "images": 20}
    monkeypatch.setitem(script.SETTINGS, "SNAS", (method, settings | small))
    monkeypatch.setattr("archcast.predictors.one_shot._predictor.CANDIDATES", 40)
    monkeypatch.setattr("archcast.training.settings_for", partial(settings_for, epochs=1))
    run = script.study("SNAS", 0, limit=30, epochs=1)
    assert set(run) >= {"loss", "accuracy", "divergence", "strength", "likelihood", "derived_weights", "query_ms"}
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps(run) + "\n")
    script.show(path)
    said = capsys.readouterr().out
    assert "| SNAS |" in said
    assert "| synflow |" in said


def test_pairs_are_labelled_with_the_larger_digit(script):
    data = script.pairs()
    assert data.shape == (1, 8, 16)
    counts = torch.cat([split[1] for split in (data.train, data.validation, data.test)]).bincount(minlength=10)
    shares = (2 * np.arange(10) + 1) / 100  # of the larger of two even draws
    np.testing.assert_allclose(counts.numpy() / 2400, shares, atol=0.03)


def test_one_path_keeps_less_for_its_gradients_than_a_mixture(script):
    whole, kept = load_dataset("digits"), []
    data = replace(whole, train=tuple(part[:64] for part in whole.train))
    for name in ("one-shot-darts", "one-shot-random-sampling"):
        predictor = get_predictor(name, "nasbench201", random_state=0)
        predictor.seed_ = 0
        kept.append(script.kept_bytes(predictor._make(predictor._task(data)), data))
    assert 0 < kept[1] < kept[0] / 2


def test_memory_that_two_tensors_share_is_counted_once(script):
    before = script._Kept.now
    x = torch.zeros(1000)
    kept = [script._Kept(x), script._Kept(x[:10])]
    assert script._Kept.now - before == 4000
    kept.pop()
    assert script._Kept.now - before == 4000
    kept.pop()
    assert script._Kept.now == before
