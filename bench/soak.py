"""What a soak sampled, as a picture: ``bench/.venv/bin/python -m bench.soak SAMPLES PICTURE``.

``SOAK_SAMPLES=… pytest -m slow tests/deploy/test_soak.py`` writes the samples.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

ROWS = {
    "megabytes": "memory of all workers, MB",
    "connections": "connections to PostgreSQL",
    "logins": "rows of logins",
    "p95": "GET me, p95, ms",
}


def draw(samples: Path, picture: Path) -> None:
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    minutes = [row["second"] / 60 for row in rows]
    figure, axes = pyplot.subplots(len(ROWS), sharex=True, figsize=(8, 7))
    for axis, (name, title) in zip(axes, ROWS.items(), strict=True):
        axis.plot(minutes, [row[name] for row in rows], linewidth=1)
        axis.set_ylim(bottom=0)
        axis.set_title(title, fontsize=9, loc="left")
        # Until then keys are rotated, workers reloaded and people merged.
        axis.axvspan(0, minutes[-1] / 3, alpha=0.1)
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
