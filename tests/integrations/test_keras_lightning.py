"""The callbacks, in the frameworks where they are installed, and on stand-ins with the hooks that the frameworks document."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from archcast.errors import InvalidInputError, MissingDependencyError

T = 30
NAMES = {"keras": "keras.callbacks", "lightning": "lightning.pytorch"}

TRAINER = {
    "num_training_batches": 20,
    "val_check_batch": 20,
    "check_val_every_n_epoch": 1,
    "max_steps": -1,
    "accumulate_grad_batches": 1,
    "enable_validation": True,
    "state": SimpleNamespace(fn="fit"),
}
"""What a trainer of Lightning knows when a training starts: validations after each epoch of twenty batches."""


def curve(top: float) -> list[float]:
    return (top * (1 - 0.8 ** np.arange(1, T + 1))).tolist()


class Base:
    """What both frameworks' ``Callback`` has and these callbacks use."""

    params = None
    model = None


@pytest.fixture
def load(monkeypatch):
    """The module of a callback with a stand-in for the framework, or without the framework."""

    def load(name: str, *, present: bool = True) -> ModuleType:
        for module in ("keras", "keras.callbacks", "lightning", "lightning.pytorch", "pytorch_lightning"):
            monkeypatch.setitem(sys.modules, module, None)
        if present:
            parts = NAMES[name].split(".")
            for i in range(len(parts)):
                stand_in = ModuleType(".".join(parts[: i + 1]))
                stand_in.Callback = Base
                monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
        monkeypatch.delitem(sys.modules, f"archcast.integrations.{name}", raising=False)
        return importlib.import_module(f"archcast.integrations.{name}")

    yield load
    for name in NAMES:
        sys.modules.pop(f"archcast.integrations.{name}", None)


@pytest.mark.parametrize("name", NAMES)
def test_without_the_framework_the_install_line_is_told(load, name):
    with pytest.raises(MissingDependencyError, match=rf"pip install 'archcast\[{name}\]'"):
        load(name, present=False)


@pytest.mark.parametrize(("top", "stops"), [(0.4, True), (0.9, False)])
def test_keras(load, top, stops):
    callback = load("keras").StopHopeless("val_accuracy", best=0.8)
    callback.params, callback.model = {"epochs": T}, SimpleNamespace(stop_training=False)
    for _ in range(2):  # a second fit starts anew
        callback.model.stop_training = False
        callback.on_train_begin()
        for epoch, value in enumerate(curve(top)):
            callback.on_epoch_end(epoch, {"loss": 1.0, "val_accuracy": value})
            if callback.model.stop_training:
                break
        assert callback.model.stop_training == stops
        assert (callback.stopped_epoch is not None and callback.stopped_epoch < T / 2) == stops
    with pytest.raises(InvalidInputError, match="Keras logs no 'val_accuracy', only val_loss"):
        callback.on_epoch_end(0, {"val_loss": 1.0})


def test_keras_validates_rarely_and_goes_on(load):
    callback = load("keras").StopHopeless("val_accuracy", best=0.2)
    callback.params, callback.model = {"epochs": T}, SimpleNamespace(stop_training=False)
    callback.on_train_begin()
    with pytest.warns(UserWarning, match="decides nothing before the first validation: Keras logs only loss so far"):
        callback.on_epoch_end(0, {"loss": 1.0})
    for epoch in range(1, 10, 2):
        callback.on_epoch_end(epoch, {"loss": 1.0, "val_accuracy": curve(0.4)[epoch]})
        callback.on_epoch_end(epoch + 1, {"loss": 1.0})  # without another warning
    assert np.flatnonzero(np.isfinite(callback.stopper.curve)).tolist() == [1, 3, 5, 7, 9]
    callback.on_train_begin()  # initial_epoch=8 of Keras
    callback.on_epoch_end(8, {"loss": 1.0, "val_accuracy": 0.35})
    assert np.flatnonzero(np.isfinite(callback.stopper.curve)).tolist() == [1, 3, 5, 7, 8]
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 1.0, "val_accuracy": 0.1})
    assert callback.stopper.curve == [0.1]


@pytest.mark.parametrize(("top", "stops"), [(0.4, True), (0.9, False)])
def test_lightning(load, top, stops):
    callback = load("lightning").StopHopeless("val_acc", best=0.8)
    trainer = SimpleNamespace(**TRAINER, max_epochs=T, sanity_checking=True, should_stop=False, callback_metrics={})
    callback.on_validation_end(trainer, None)  # the check before training
    trainer.sanity_checking = False
    callback.on_train_start(trainer, None)
    for value in curve(top):
        trainer.callback_metrics = {"val_acc": np.float32(value)}
        callback.on_validation_end(trainer, None)
        if trainer.should_stop:
            break
    assert trainer.should_stop == stops
    assert (callback.stopped_epoch is not None and callback.stopped_epoch < T / 2) == stops
    trainer.callback_metrics = {"val_loss": 1.0}
    with pytest.raises(InvalidInputError, match="logs no 'val_acc', only val_loss"):
        callback.on_validation_end(trainer, None)
    trainer.state = SimpleNamespace(fn="validate")
    callback.on_validation_end(trainer, None)  # on its own, it is no part of the curve
    resumed = load("lightning").StopHopeless("val_acc", best=0.8)
    resumed.load_state_dict(callback.state_dict())
    resumed.on_train_start(trainer, None)
    assert resumed.stopper.curve == callback.stopper.curve
    trainer.enable_validation = False
    with pytest.warns(UserWarning, match="this training has no validation"):
        callback.on_train_start(trainer, None)
    assert callback.stopper.curve == []  # a second training begins anew


@pytest.mark.parametrize(
    ("told", "count"),
    [
        ({}, T),
        ({"check_val_every_n_epoch": 4}, T // 4),
        ({"val_check_batch": 5}, 4 * T),  # four times in each of T epochs
        ({"check_val_every_n_epoch": None, "val_check_batch": 60}, T // 3),
        ({"max_epochs": -1, "max_steps": 90, "accumulate_grad_batches": 2}, 9),
        ({"max_epochs": None, "max_steps": 90, "check_val_every_n_epoch": None, "val_check_batch": 30}, 3),
        ({"max_steps": 45}, 2),
        ({"max_steps": 50, "val_check_batch": 5}, 10),  # the last two in the half of the third epoch
        ({"max_steps": 10, "val_check_batch": 5}, 2),
        ({"max_steps": 35, "val_check_batch": 5, "check_val_every_n_epoch": 2}, 3),
        ({"max_steps": 55, "val_check_batch": 5, "check_val_every_n_epoch": 2}, 4),
        ({"num_training_batches": float("inf"), "val_check_batch": float("inf")}, T),
        ({"max_epochs": -1}, None),
        ({"val_check_batch": None}, None),
    ],
)
def test_validations_of_lightning_are_counted(load, told, count):
    validations = load("lightning").validations
    trainer = SimpleNamespace(**{**TRAINER, "max_epochs": T, **told})
    if count is not None:
        assert validations(trainer) == count
    else:
        with pytest.raises(InvalidInputError, match=r"cannot be told from the trainer\. Give epochs"):
            validations(trainer)


KERAS = """
import numpy as np, keras
from archcast.integrations.keras import StopHopeless
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = np.random.default_rng(1).integers(0, 2, 64).astype("float32")
model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
model.compile(loss="binary_crossentropy", metrics=["accuracy"])
callback = StopHopeless("val_accuracy", best=0.995)
history = model.fit(x, y, validation_data=(x, y), epochs=20, verbose=0, callbacks=[callback])
assert callback.stopped_epoch == len(history.history["loss"]) < 20, callback.stopped_epoch
"""
LIGHTNING = """
import torch, lightning.pytorch as pl
from archcast.integrations.lightning import StopHopeless
class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
    def training_step(self, batch, _):
        return self.layer(batch).square().mean()
    def validation_step(self, batch, _):
        self.log("val_acc", 0.3)
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)
data = torch.utils.data.DataLoader(torch.randn(8, 4), batch_size=4)
callback = StopHopeless("val_acc", best=0.9)
quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu")
trainer = pl.Trainer(max_epochs=20, callbacks=[callback], **quiet)
trainer.fit(Net(), data, data)
assert callback.stopped_epoch is not None
assert trainer.current_epoch == callback.stopped_epoch < 20, (trainer.current_epoch, callback.stopped_epoch)
before = list(callback.stopper.curve)
trainer.validate(Net(), data, verbose=False)
assert callback.stopper.curve == before
"""


@pytest.mark.parametrize(("name", "script"), [("keras", KERAS), ("lightning", LIGHTNING)])
def test_in_the_framework(name, script, tmp_path):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
