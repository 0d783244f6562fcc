"""Names of metrics: which way is better, and which column is meant."""

from __future__ import annotations

import numpy as np
import pytest

from archcast.errors import InvalidInputError
from archcast.forecasting.metrics import Metric, choose, direction

RISING = [
    "val_accuracy",
    "acc",
    "Eval/F1",
    "top1",
    "val_top5_acc",
    "reward",
    "mIoU",
    "valAcc",
    "test/auroc",
    "accuracy_loss_weighted_acc",
]
FALLING = [
    "val_loss",
    "loss",
    "validation_error",
    "perplexity",
    "val_ppl",
    "RMSE",
    "eval/mae",
    "wer",
    "val_nll",
    "bits_bpc",
    "err",
    "FID",
]


@pytest.mark.parametrize("name", RISING)
def test_what_rises(name):
    assert not Metric.of(name).falls


@pytest.mark.parametrize("name", FALLING)
def test_what_falls(name):
    assert Metric.of(name).falls


@pytest.mark.parametrize("name", ["zeal", "lr", "epoch", "metric", "x1", ""])
def test_what_nobody_knows(name):
    assert Metric.of(name) is None
    assert Metric.of(name, "lower").falls
    assert not Metric.of(name, "higher").falls


def test_better_has_the_last_word():
    assert Metric.of("val_loss", "higher").signal == "score"
    assert Metric.of("val_accuracy", "lower").signal == "loss"
    assert Metric.of("val_accuracy", "higher").signal == "accuracy"
    with pytest.raises(InvalidInputError, match="better 'down'"):
        Metric.of("loss", "down")


def test_percent_in_the_name():
    assert Metric.of("Val Acc (%)").highest == 100
    assert Metric.of("val_acc_pct").highest == 100
    assert Metric.of("val_acc").highest is None


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr"], "val_accuracy"),
        (["epoch", "train_loss", "val_loss"], "val_loss"),
        (["train_acc", "train_loss", "test_loss"], "test_loss"),
        (["val_acc", "val_acc_top5", "val_f1"], "val_acc"),
        (["acc", "train_acc"], "acc"),
        (["valid/rmse", "step"], "valid/rmse"),
        (["a", "b"], None),
    ],
)
def test_the_column_that_is_meant(names, chosen):
    assert choose(names) == chosen


def test_two_that_are_meant_alike():
    with pytest.raises(InvalidInputError, match=r"val_f1, val_auc\. Choose one with --metric"):
        choose(["val_f1", "val_auc"])


def test_direction_by_course():
    up, down = np.array([1.0, 2.0]), np.array([2.0, 1.0])
    assert direction([up, up, up, down]) is False
    assert direction([down]) is True
    assert direction([up, down]) is None
    assert direction([up[:1]]) is None
    assert direction([np.ones(3)]) is None
