"""How much is saved by training the seeds of an architecture side by side: processor time, one after another over together.

python benchmarks/training.py            # three seeds of six NAS-Bench-201 cells on digits, one thread
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from archcast.training import Trainer, sample_functions, settings_for


def main() -> None:
    """Print the ratio for networks of several widths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="trainings side by side")
    parser.add_argument("--cells", type=int, default=6, help="architectures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = range(options.seeds)
    print(f"{'channels':>8} {'together':>10} {'apart':>10} {'ratio':>12}   seconds a training, mean over cells")
    for width in (4, 8, 16):
        trainer = Trainer("nasbench201", "digits", **settings_for("digits", epochs=3, width=width))
        rows = sample_functions(trainer.space, options.cells, seed=0)
        trainer.train(rows[0])  # what is made once is made here
        together, apart = [], []
        for row in rows:
            together.append(trainer.train_seeds(row, seeds)[0].seconds)
            apart.append(np.mean([trainer.train(row, seed).seconds for seed in seeds]))
        ratios = np.divide(apart, together)
        error = ratios.std(ddof=1) / np.sqrt(len(ratios)) if len(ratios) > 1 else np.nan
        print(f"{width:8} {np.mean(together):10.2f} {np.mean(apart):10.2f} {ratios.mean():7.2f} ± {error:.2f}")


if __name__ == "__main__":
    main()
