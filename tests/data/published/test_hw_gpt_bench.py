"""HW-GPT-Bench: a pickle of measurements by the text of an architecture."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import archcast
from archcast.errors import InvalidFileError


def entry(rng):
    devices = {
        device: {"latencies": rng.random(5).tolist(), "energies": rng.random(3)} for device in ("a100", "cpu_xeon")
    }
    return {**devices, "flops": np.float64(rng.random()), "params": 5_000_000, "float16_memory": 3.5}


@pytest.mark.parametrize("kind", ["text", "dictionary"])
def test_medians_of_measurements(tmp_path, rng, kind) -> None:
    table = {}
    for layers in (2, 3, 3, 2):
        heads = rng.choice([4, 8, 12], layers).tolist()
        embed = int(rng.choice([192, 384]))
        text = f"gpt-s-{embed}-{layers}-{'-'.join(map(str, heads))}-bias-True"
        table[str({"embed": embed, "heads": heads, "bias": True}) if kind == "dictionary" else text] = entry(rng)
    (tmp_path / "gpt_s").mkdir()
    (tmp_path / "gpt_s" / "stats.pkl").write_bytes(pickle.dumps(table))
    benchmark = archcast.load_benchmark("hw-gpt-bench/s", path=tmp_path)
    assert len(benchmark) == len(table)
    expected = [np.median(row["cpu_xeon"]["latencies"]) for row in table.values()]
    np.testing.assert_allclose(benchmark.costs["latency_cpu_xeon"], expected)
    np.testing.assert_allclose(benchmark.scores("neg_latency_cpu_xeon"), -np.array(expected))
    assert benchmark.costs["float16_memory"].tolist() == [3.5] * len(table)
    assert len(np.unique(benchmark.archs, axis=0)) == len(benchmark)


def test_texts_of_the_benchmark_give_its_space(tmp_path, rng) -> None:
    space = archcast.get_space("hw-gpt-m")
    texts = space.format(space.sample(5, 0))
    (tmp_path / "gpt_m").mkdir()
    (tmp_path / "gpt_m" / "stats.pkl").write_bytes(pickle.dumps({text: entry(rng) for text in texts}))
    benchmark = archcast.load_benchmark("hw-gpt-bench/m", path=tmp_path)
    assert benchmark.space == space
    assert space.format(benchmark.archs) == texts
    assert set(benchmark.metrics) >= {"neg_latency_a100", "neg_energy_cpu_xeon"}


def test_the_perplexity_counts_where_it_is_there(tmp_path, rng) -> None:
    space = archcast.get_space("hw-gpt-s")
    texts = space.format(space.sample(4, 0))
    table = {text: {**entry(rng), "perplexity": 20.0 + k, "accuracy": 0.4} for k, text in enumerate(texts)}
    for row in table.values():
        row["cpu_xeon"]["energies"] = 0.25  # of a processor, one number
    (tmp_path / "gpt_s").mkdir()
    (tmp_path / "gpt_s" / "stats.pkl").write_bytes(pickle.dumps(table))
    benchmark = archcast.load_benchmark("hw-gpt-bench/s", path=tmp_path)
    assert benchmark.default_metric == "neg_perplexity"
    assert benchmark.scores().tolist() == [-20, -21, -22, -23]
    assert benchmark.scores("accuracy").tolist() == [0.4] * 4
    assert benchmark.costs["energy_cpu_xeon"].tolist() == [0.25] * 4
    assert not {"perplexity", "accuracy"} & set(benchmark.costs)


def test_files_of_another_shape(tmp_path, rng, survives) -> None:
    (tmp_path / "gpt_l").mkdir()
    file = tmp_path / "gpt_l" / "stats.pkl"
    file.write_bytes(pickle.dumps({f"gpt-l-{k}": entry(rng) for k in range(4)}))
    assert survives(file, lambda: archcast.load_benchmark("hw-gpt-bench/l", tmp_path)) > 10
    for content in ({"a": 3}, [], {}, {"{" * 300: {}}, {"1" * 20_000: entry(rng)}, {"x": {"dev": {"latencies": "no"}}}):
        file.write_bytes(pickle.dumps(content))
        with pytest.raises(InvalidFileError, match="is not the statistics of HW-GPT-Bench"):
            archcast.load_benchmark("hw-gpt-bench/l", tmp_path)
