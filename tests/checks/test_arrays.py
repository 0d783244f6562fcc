"""Checks of arguments that many calls share."""

from __future__ import annotations

import pytest
import torch

import archcast
from archcast.checks import device_of
from archcast.errors import ArchcastError, InvalidInputError
from archcast.names import PREDICTORS


@pytest.mark.parametrize("value", ["cpu", "cpu:0", torch.device("cpu")])
def test_devices_that_are_here(value):
    assert device_of("device", value) == torch.device(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("meta", r"device 'meta' cannot be used: this torch computes nothing on it\. Use cpu or, .* cuda\."),
        ("vulkan", "device 'vulkan' cannot be used: this torch computes nothing on it"),
        ("tpu9", "device 'tpu9' cannot be used: no device has this name"),
        ("", "device '' cannot be used: no device has this name"),
        ("cuda:99", r"device 'cuda:99' cannot be used: [^\n]*\. Use cpu"),
        (b"cpu", "device must be the name of a device, such as cpu or cuda:1, got b'cpu'"),
        (True, "device must be the name of a device"),
        (None, "device must be the name of a device"),
    ],
)
def test_devices_that_are_not(value, message):
    with pytest.raises(InvalidInputError, match=f"^{message}"):
        device_of("device", value)


@pytest.mark.parametrize(
    "line", ["measure", "train", "oneshot train x.npz", "search --objective train --budget 2 --out s"]
)
def test_every_command_refuses_a_device_that_computes_nothing(line, tmp_path, monkeypatch, capsys):
    from archcast.cli import main

    monkeypatch.chdir(tmp_path)
    words = [*line.split(), "--space", "nasbench201", "--device", "meta"]
    sample = ["--sample", "1", "--out", "o.csv"] if words[0] in ("measure", "train") else []
    with pytest.raises(SystemExit, match="2"):
        main([*words, *sample])
    assert "'meta' cannot be used: this torch computes nothing on it" in capsys.readouterr().err


@pytest.mark.parametrize("name", PREDICTORS.names("one-shot*"))
def test_a_seed_of_bytes_is_refused_by_every_predictor_with_shared_weights(name):
    with pytest.raises(ArchcastError, match="random_state must be a whole number"):
        archcast.get_predictor(name, "nasbench201", random_state=b"1").init()
