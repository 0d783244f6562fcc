"""What the name of a metric says: which way is better, and what values it can have."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archcast.checks import one_of
from archcast.errors import InvalidInputError, short

__all__ = ["BETTER", "Metric", "choose", "direction", "percent", "show"]

BETTER = ("higher", "lower")

ACCURACIES = {
    "acc",
    "accuracy",
    "top1",
    "top5",
    "precision",
    "recall",
    "f1",
    "auc",
    "auroc",
    "auprc",
    "iou",
    "miou",
    "dice",
}
ACCURACIES |= {"sensitivity", "specificity", "hit", "hits", "map", "ap"}
RISING = {"score", "reward", "return", "bleu", "rouge", "meteor", "psnr", "ssim", "r2", "mcc", "kappa", "ndcg", "mrr"}
RISING |= {"tau", "spearman", "pearson", "correlation", "elo", "best", "hypervolume"}
ERRORS = {"error", "err"}
FALLING = {
    "loss",
    "losses",
    "nll",
    "ce",
    "bce",
    "crossentropy",
    "entropy",
    "xent",
    "rmse",
    "mse",
    "mae",
    "mape",
    "rmsle",
}
FALLING |= {
    "wer",
    "cer",
    "ter",
    "fid",
    "kid",
    "lpips",
    "bpc",
    "bpb",
    "bpd",
    "eer",
    "brier",
    "ece",
    "regret",
    "kl",
    "elbo",
}
FALLING -= {"elbo"}  # written with either sign
PERPLEXITIES = {"perplexity", "ppl"}
VALIDATION = {"val", "valid", "validation", "dev", "eval", "holdout"}
TEST, TRAIN = {"test"}, {"train", "training", "trn"}
PERCENT = ("%", "percent", "pct")


@dataclass(frozen=True)
class Metric:
    """What is known of a metric.

    Attributes:
        name: as the user writes it.
        signal: the name under which predictors of curves know its kind: ``accuracy``, ``error``, ``loss``, ``perplexity`` or
            ``score``.
        falls: whether lower is better.
        highest: highest value that an accuracy or error can have, if that is known.
    """

    name: str
    signal: str
    falls: bool
    highest: float | None = None

    @classmethod
    def of(cls, name: str, better: str | None = None) -> Metric | None:
        """What a name says, or ``None``; ``better``, ``"higher"`` or ``"lower"``, has the last word on the direction.

        Examples:
            >>> Metric.of("val_acc").falls, Metric.of("Eval/RMSE").falls, Metric.of("zeal")
            (False, True, None)
        """
        if not isinstance(name, str):
            raise InvalidInputError(f"metric must be the name of one, a text, got {short(name)}.")
        if better is not None:
            one_of("better", better, BETTER)
        kind = _kind(name)
        if kind is None and better is None:
            return None
        falls = better == "lower" if better else kind in ("error", "loss", "perplexity")
        if kind is None or falls != (kind in ("error", "loss", "perplexity")):
            kind = "loss" if falls else "score"
        percent = any(mark in name.lower() for mark in PERCENT) and kind in ("accuracy", "error")
        return cls(name, kind, falls, 100.0 if percent else None)


def words(name: str) -> list[str]:
    """Lower-case words of a name.

    Examples:
        >>> words("valAccuracy@top-1"), words("Eval/F1")
        (['val', 'accuracy', 'top', '1'], ['eval', 'f1'])
    """
    split = re.sub(r"([a-z])([A-Z][a-z]{2})", r"\1 \2", name)
    return re.findall(r"[a-z]+[0-9]*|[0-9]+", split.lower().replace("cross_entropy", "crossentropy"))


def _kind(name: str) -> str | None:
    """The last word that says something decides: ``loss_accuracy`` is an accuracy."""
    for word in reversed(words(name)):
        bare = word.rstrip("0123456789")  # mAP50, loss2
        for kind, known in (("accuracy", ACCURACIES), ("error", ERRORS), ("perplexity", PERPLEXITIES)):
            if word in known or bare in known:
                return kind
        if word in FALLING or bare in FALLING or (bare.endswith("loss") and bare != "loss"):
            return "loss"
        if word in RISING or bare in RISING:
            return "score"
    return None


def choose(names: Iterable[str]) -> str | None:
    """The column that most likely says how good a training is, or ``None`` if no name is known.

    Validation before test before unnamed before training; within them accuracies before other metrics, losses last.

    Raises:
        InvalidInputError: two names are equally likely.

    Examples:
        >>> choose(["epoch", "loss", "val_loss", "accuracy", "val_accuracy"])
        'val_accuracy'
    """
    best: list[tuple[tuple[int, int, int], str]] = []
    for name in names:
        kind = _kind(name)
        if kind is None:
            continue
        own = set(words(name))
        part = next(
            (i for i, part in enumerate((VALIDATION | {"metrics"}, TEST, None, TRAIN)) if part is None or own & part), 2
        )
        if part == 2 and own & TRAIN:
            part = 3
        order = ("accuracy", "error", "score", "perplexity", "loss").index(kind)
        # the plain one first: val_accuracy before val_accuracy_top5, val_acc before val_f1, mAP50-95 before mAP50
        second = "top5" in own or {"top", "5"} <= own or {"acc", "5"} <= own
        first_choice = own & {"acc", "accuracy", "top1", "map"} or {"map50", "95"} <= own
        plain = 2 if second else 0 if first_choice else 1
        best.append(((part, order, plain), name))
    if not best:
        return None
    first = min(rank for rank, _ in best)
    tied = [name for rank, name in best if rank == first]
    if len(tied) > 1:
        shortest = min(tied, key=len)
        if all(name.startswith(shortest) for name in tied):
            return shortest
        raise InvalidInputError(f"several columns could be the metric: {', '.join(tied)}. Choose one with --metric.")
    return tied[0]


def direction(curves: Iterable[NDArray[np.float64]]) -> bool | None:
    """Whether curves without a name fall, by their own course; ``None`` if they do not agree."""
    steps = [np.sign(curve[-1] - curve[0]) for curve in curves if len(curve) > 1]
    steps = [step for step in steps if step]
    if not steps or 0.25 < np.mean(np.array(steps) > 0) < 0.75:
        return None
    return float(np.mean(steps)) < 0


def show(value: float) -> str:
    """A value as people write it: four significant digits."""
    if math.isnan(value):
        return "-"
    digits = 3 if value == 0 else min(max(3 - math.floor(math.log10(abs(value))), 0), 6)
    return f"{value:.{digits}f}" if abs(value) < 1e6 else f"{value:.3g}"


def percent(chance: float) -> str:
    """A probability as people write it."""
    if chance < 0.001 or chance > 0.999:
        return "under 0.1 %" if chance < 0.5 else "over 99.9 %"
    return f"{100 * chance:.1f} %" if chance < 0.0995 else f"{100 * chance:.0f} %"
