"""What is attacked from the command line: every command, with a line that is short when it is right.

Options that a line does not use are attacked as well: they are read from the command itself.
"""

from __future__ import annotations

import bz2
import contextlib
import http.server
import io
import pickle
import shlex
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from attack_inputs import ABSENT, Command, Target
from sample_files import nats

CELL = "nasbench201:|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
SIZE = "--width 2 --depth 1 --stages 1"
LINES = (
    f"score '{CELL}' --proxies params,swap_reg --input 3x8x8 --classes 3 --batch-size 2 --data noise --loss auto "
    "--ignore-index -100 --batch-dim auto --init default --seed 0 --device cpu --memory-format auto --option swap_reg.mu=4 "
    f"--kwargs {{}} --jobs 1 --format csv --sort params {SIZE}",
    f"score --one-shot --supernet trained.npz --space nasbench201 --sample 1 --proxies none --data digits {SIZE}",
    "score --space nasbench201 --archs archs.txt --proxies params",
    "score net.py:net --proxies params,snip --input 4 --classes 3 --batch-size 4 --out scores.csv",
    "stats net.py:net --input 4",
    "bench digits --predictors bayesian-linear --train-sizes 10 --test-size 20 --trials 1 --seed 0 --jobs 1 --out bench",
    "bench --table cells.csv --space nasbench201 --predictors bayesian-linear --train-sizes 10 --test-size 20 --trials 1 --jobs 1 "
    "--out bench",
    "leaderboard --benchmarks digits --predictors bayesian-linear --train-sizes 10 --trials 1 --jobs 1 --out page",
    "search digits --strategy random --budget 4 --batch 2 --trials 1 --seed 0 --jobs 1 --out search",
    "search --objective net:objective --space nasbench201 --strategy random --budget 2 --batch 2 --jobs 1 --out search",
    f"search --objective train --space nasbench201 --dataset digits --strategy random --budget 1 --batch 1 --epochs 1 --device cpu "
    f"--out search {SIZE}",
    f"train --sample 1 --seed 0 --seeds 1 --epochs 1 --jobs 1 --out train {SIZE}",
    "measure --space nasbench201 --sample 1 --task cifar10 --runs 2 --warmup 0 --batch 1 --threads 1 --clock wall --device cpu "
    "--seed 0 --out latency.csv",
    "forecast log.csv --epochs 10 --metric accuracy --better higher --best 0.9 --out page.html",
    "fit table.csv --out model.npz --score accuracy --better higher --predictor bayesian-linear --seed 0",
    "predict fitted.npz table.csv --out predicted.csv",
    "predict net.py:conv --zoo --input 3x16x16 --recipe a1_in1k",
    "choose table.csv --score accuracy --predictors bayesian-linear --seed 0",
    "surrogate digits --share 1 --metrics val_accuracy --curves none --members bayesian-linear --budget 0 --trials 1 --seed 0 "
    "--jobs 1 --out s.npz",
    "list spaces",
    "data list",
    "data verify digits",
    "data convert nats-tss/cifar10 --path published --out compact",
    "data fetch vit-bench-101 --mirror MIRROR --out fetched",
    "oneshot train shared.npz --method one-shot --space nasbench201 --epochs 1 --batch-size 64 --learning-rate .1 --images 8 "
    f"{SIZE}",
    f"oneshot query trained.npz '{CELL.partition(':')[2]}'",
    "oneshot query trained.npz --archs archs.txt",
    "oneshot derive trained.npz --by score",
    "oneshot report trained.npz --trainings 0 --out page.html",
)
"""Lines that are right. What they read is made by :func:`prepare`; MIRROR is the address of a server that has the files."""
NET = """
import torch
def net():
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
def conv():
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 5)
    )
def objective(arch):
    return float((arch == 3).mean())
"""


def prepare(folder: Path) -> Path:
    """Write what the lines read into a folder."""
    import archcast
    from archcast.choosing import fit, read_table
    from archcast.cli import main

    space, rng = archcast.get_space("nasbench201"), np.random.default_rng(0)
    (folder / "archs.txt").write_text("\n".join(space.format(space.sample(2, 0))) + "\n")
    (folder / "net.py").write_text(NET)
    rows = rng.integers(1, 5, (60, 3))
    text = [",".join(map(str, [*row, 60 + row @ [3, 2, 1]])) for row in rows]
    (folder / "table.csv").write_text("\n".join(["depth,width,kernel,accuracy", *text]) + "\n")
    own = archcast.Choices(depth=[1, 2, 3, 4], width=[1, 2, 3, 4], kernel=[1, 2, 3, 4])
    (folder / "space.json").write_text(own.to_json())
    curve = 1 - 0.5 ** np.arange(1, 7)
    (folder / "log.csv").write_text("\n".join(["epoch,accuracy", *(f"{i},{y}" for i, y in enumerate(curve, 1))]) + "\n")
    fit(read_table(folder / "table.csv"), "bayesian-linear")[0].save(folder / "fitted.npz")
    cells = [f'"{text}",{k}' for k, text in enumerate(space.format(space.sample(40, 1)))]
    (folder / "cells.csv").write_text("\n".join(["arch,score", *cells]) + "\n")
    (folder / "published").mkdir(exist_ok=True)
    packed = bz2.compress(pickle.dumps({"12": nats(rng)}, 4))
    (folder / "published" / "000000.pickle.pbz2").write_bytes(packed)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main(shlex.split(f"oneshot train {folder / 'trained.npz'} --epochs 1 --images 8 {SIZE}"))
    return folder


def commands() -> Iterator[Target]:
    """Every command."""
    import torch  # noqa: F401  an import that an alarm interrupts is half a module

    for line in LINES:
        words = [mirror() if word == "MIRROR" else word for word in shlex.split(line)]
        named = next((k for k, word in enumerate(words) if word.startswith("--")), len(words))
        operands = 2 if words[0] in ("data", "oneshot") else 1
        arguments: dict[str, Any] = {f"<{k}>": word for k, word in enumerate(words[operands:named])}
        at = named
        while at < len(words):
            flag = at + 1 == len(words) or words[at + 1].startswith("--")
            arguments[words[at]] = None if flag else words[at + 1]
            at += 1 if flag else 2
        name = " ".join(words[:operands])
        unused = {option: ABSENT for option in options(name) if option not in arguments}
        label = next((f" {w}" for w in words if w in ("--one-shot", "--archs", "--table", "--objective", "--zoo")), "")
        label += " train" if label == " --objective" and "train" in words else ""
        yield Command(
            f"archcast {name}{label or (' net.py' if 'net.py:net' in words else '')}",
            print,
            {**arguments, **unused},
            words=words[:operands],
        )


class _Anything(http.server.BaseHTTPRequestHandler):
    """Answers whatever is asked for with a few bytes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"abc")

    def log_message(self, *_: Any) -> None:
        pass


@cache
def mirror() -> str:
    """Address of a server of this process, which ends with it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Anything)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/files"


def options(name: str) -> Iterator[str]:
    """Options of a command that take a value."""
    import typer

    from archcast.cli import app

    command: Any = typer.main.get_command(app)
    for word in name.split():
        command = command.commands[word]
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.is_flag:
            yield max(parameter.opts, key=len)
