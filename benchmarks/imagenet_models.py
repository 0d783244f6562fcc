"""Proxies of well-known ImageNet models, with random weights, against their published accuracy.

    pip install "archcast[vision]"
    python benchmarks/imagenet_models.py [--out imagenet_models.csv] [--models torchvision:resnet18 ...]

Prints a Markdown table, a line for each model and Kendall tau-b of each proxy with top-1 accuracy in the last one. Scores
come from ``archcast score``, one noise batch of 16 images of the model's own size; the same call continues an
interrupted one. A proxy that fails for a model ranks it last.

Accuracies of torchvision's models are those that torchvision publishes with its first weights (``IMAGENET1K_V1``); those
of timm's are of the papers named below, trained on ImageNet-1k alone. The models were trained by different recipes, and
recent ones by better recipes, so no proxy can reach 1 here.
"""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

import pandas as pd
from scipy.stats import kendalltau

from archcast.cli import main as archcast

TORCHVISION = [
    *("convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "mnasnet0_5"),
    *("mnasnet1_0", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "regnet_x_400mf"),
    *("regnet_y_400mf", "regnet_y_800mf", "resnet18", "resnet34", "resnet50"),
    *("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "squeezenet1_1", "swin_t", "vgg11_bn"),
    *("vit_b_32",),
]

TIMM = {
    "deit_tiny_patch16_224": 72.2,  # Touvron et al. 2021, https://arxiv.org/abs/2012.12877
    "ghostnet_100": 73.9,  # Han et al. 2020, https://arxiv.org/abs/1911.11907
    "mobilevit_xs": 74.8,  # Mehta & Rastegari 2022, https://arxiv.org/abs/2110.02178
    "poolformer_s12": 77.2,  # Yu et al. 2022, https://arxiv.org/abs/2111.11418
    "resmlp_12_224": 76.6,  # Touvron et al. 2021, https://arxiv.org/abs/2105.03404
    "xcit_tiny_12_p16_224": 77.1,  # El-Nouby et al. 2021, https://arxiv.org/abs/2106.09681
}

PROXIES = [
    *("params", "flops", "trainable_layers", "l2_norm", "log_synflow", "nwot", "zico", "snip", "grad_norm", "fisher"),
    *("jacob_cov", "meco_opt", "meco_relu"),
]
SHOWN = ["params", "flops", "trainable_layers", "log_synflow", "nwot", "zico", "snip", "jacob_cov", "meco_opt"]


def accuracy(target: str) -> float:
    """Published top-1 accuracy on ImageNet, %."""
    package, name = target.split(":")
    if package == "timm":
        return TIMM[name]
    from torchvision.models import get_model_weights

    return float(get_model_weights(name)["IMAGENET1K_V1"].meta["_metrics"]["ImageNet-1K"]["acc@1"])


def table(scores: pd.DataFrame) -> list[str]:
    """Markdown lines; best model first."""
    shown = [name for name in SHOWN if name in scores]
    lines = ["| model | top-1 % | " + " | ".join(heading(name) for name in shown) + " |"]
    lines.append("|---|" + "---:|" * (len(shown) + 1))
    for _, row in scores.sort_values("accuracy", ascending=False).iterrows():
        cells = [text(name, row[name]) for name in shown]
        lines.append(f"| {row['target']} | {row['accuracy']:.1f} | " + " | ".join(cells) + " |")
    lines.append("| **Kendall tau** | | " + " | ".join(f"**{tau(scores, name):.2f}**" for name in shown) + " |")
    return lines


def heading(name: str) -> str:
    return {"params": "params, M", "flops": "FLOPs, G", "trainable_layers": "layers"}.get(name, name)


def text(name: str, value: float) -> str:
    if pd.isna(value):
        return "failed"
    value *= {"params": 1e-6, "flops": 1e-9}.get(name, 1)
    return f"{value:.0f}" if abs(value) >= 100 or name == "trainable_layers" else f"{value:.3g}"


def tau(scores: pd.DataFrame, name: str) -> float:
    return float(kendalltau(scores[name].fillna(-float("inf")), scores["accuracy"]).statistic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("imagenet_models.csv"))
    parser.add_argument(
        "--models", nargs="+", default=[f"torchvision:{n}" for n in TORCHVISION] + [f"timm:{n}" for n in TIMM]
    )
    parser.add_argument("--proxies", default=",".join(PROXIES))
    parser.add_argument("--batch-size", type=int, default=16)
    arguments = parser.parse_args()
    command = ["score", *arguments.models, "--proxies", arguments.proxies, "--out", arguments.out]
    with contextlib.suppress(SystemExit):  # what failed is on stderr; the others are shown
        archcast([str(part) for part in [*command, "--batch-size", arguments.batch_size]])
    scores = pd.read_csv(arguments.out)
    scores = scores[scores["target"].isin(arguments.models)]
    scores["accuracy"] = [accuracy(target) for target in scores["target"]]
    print("\n".join(table(scores)))
    others = [name for name in scores if name not in ("target", "accuracy", *SHOWN)]
    if others:
        print("\nKendall tau of others: " + ", ".join(f"{name} {tau(scores, name):.2f}" for name in others))


if __name__ == "__main__":
    main()
