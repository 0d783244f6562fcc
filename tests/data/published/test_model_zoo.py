"""Tables of real models, written as timm publishes them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import archcast
from archcast.data import read_benchmark, save_benchmark
from archcast.data.published.model_zoo import family_of
from archcast.errors import InvalidFileError

RESULTS = """model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation
resnet50.a1_in1k,224,80.2,19.8,94.6,5.4,25.56,0.950,bicubic
resnet18.tv_in1k,224,69.8,30.2,89.1,10.9,11.69,0.875,bilinear
vit_giant.x,336,88.0,12.0,98.5,1.5,"1,014.45",1.000,bicubic
resnet50.a1_in1k,224,80.2,19.8,94.6,5.4,25.56,0.950,bicubic
"""
COSTS = """model,infer_img_size,infer_samples_per_sec,infer_step_time,infer_batch_size,param_count,infer_gmacs,infer_macts
resnet50,224,3000.5,300.1,1024,25.56,4.11,11.11
resnet18,224,9000,100.1,1024,11.69,1.82,2.48
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "results-imagenet.csv").write_text(RESULTS)
    (tmp_path / "benchmark-infer-amp-x.csv").write_text(COSTS)
    return tmp_path


def test_timm(folder):
    zoo = archcast.load_benchmark("model-zoo/timm", folder)
    assert len(zoo) == 3  # one row stands twice
    assert zoo.scores().tolist() == [80.2, 69.8, 88.0]
    assert zoo.costs["params"].tolist() == [25.56e6, 11.69e6, 1014.45e6]
    np.testing.assert_allclose(zoo.costs["macs"][:2], [4.11e9, 1.82e9])
    assert math.isnan(zoo.costs["macs"][2])
    assert zoo.space.format(zoo.archs[:1]) == ['{"model": "resnet50.a1_in1k@224"}']
    assert zoo.groups[0] == zoo.groups[1] != zoo.groups[2]
    save_benchmark(zoo, folder / "zoo.npz")
    assert read_benchmark(folder / "zoo.npz").groups.tolist() == zoo.groups.tolist()
    assert zoo.space.costs(zoo.archs)["params"][2] == 1014.45e6


def test_families_are_never_split(tmp_path):
    names = [f"{letter}net{i}.a1" for letter in "abcdefghijkl" for i in range(6)]
    lines = [f"{name},224,{60 + 20 * (k % 7) / 7:.2f},0,90,10,{5 + k},1,bicubic" for k, name in enumerate(names)]
    (tmp_path / "results-imagenet.csv").write_text(RESULTS.splitlines()[0] + "\n" + "\n".join(lines))
    zoo = archcast.load_benchmark("model-zoo/timm", tmp_path)
    results = archcast.evaluate(["random-forest", "stack"], zoo, train_sizes=[10], test_size=15, trials=3)
    assert not results.frame["error"].any()
    from archcast.evaluation.splits import split

    for seed in range(5):
        train, test = split(zoo.groups, 10, 15, np.random.default_rng(seed))
        assert not set(zoo.groups[train]) & set(zoo.groups[test])


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "model,img_size\n"])
def test_other_tables(tmp_path, text):
    (tmp_path / "results-imagenet.csv").write_text(text)
    with pytest.raises(InvalidFileError, match="is not a table of timm"):
        archcast.load_benchmark("model-zoo/timm", tmp_path)


def test_the_published_table(shared):
    zoo = archcast.load_benchmark("model-zoo/timm", shared / "formats" / "timm")
    assert len(zoo) == 1556
    assert zoo.scores().max() == 90.056


def test_torchvision():
    models = pytest.importorskip("torchvision.models", reason="the extra vision is not installed")
    zoo = archcast.load_benchmark("model-zoo/torchvision")
    assert len(zoo) >= len(models.list_models(module=models)) > 70
    row = zoo.space.rows({"model": ["resnet18.IMAGENET1K_V1"]})[0, 0]
    assert zoo.scores()[row] == 69.758
    assert zoo.costs["params"][row] == 11689512


def test_letters_make_a_family():
    assert family_of("ResNet18") == "resnet"
    assert family_of("1k") == "1k"
