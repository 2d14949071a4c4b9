"""Peak memory of parent and worker over tables of more and more image files, each trained for one epoch.

    .venv/bin/python tests/performance/many_images.py 10000 100000

Memory must not grow with the number of images: pictures are decoded into a memory map and read in shuffled blocks.
Resident memory counts pages of the map that the system may drop at any time, and so does what is called private (USS):
what grows with the process alone is its anonymous memory.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

RECIPE = """\
name: many
data: {{source: table, table: table.csv, target: label, patient: patient}}
inputs: {{picture: {{kind: image, column: file, size: [{side}, {side}], channels: 3}}}}
search: {{trials: 1, finalists: 1, architectures: [cnn], baselines: [majority], workers: 1}}
train: {{epochs: 1, batch: 128, augment: []}}
explain: {{methods: []}}
"""


def make(folder: Path, count: int, side: int) -> None:
    """JPEG files of noise whose mean tells the label, five a patient, in folders of 10,000."""
    random = np.random.default_rng(0)
    rows = ["file,label,patient"]
    for number in range(count):
        place = folder / str(number // 10_000)
        place.mkdir(exist_ok=True)
        label = int(random.integers(0, 2))
        picture = random.integers(60 + 40 * label, 160 + 40 * label, (side, side, 3), dtype=np.uint8)
        Image.fromarray(picture).save(place / f"{number}.jpg", quality=80)
        rows.append(f"{place.name}/{number}.jpg,{label},{number // 5}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE.format(side=side))


def anonymous(pid: int) -> int:
    """Bytes that belong to no file: what the system cannot drop. Linux tells it in smaps_rollup."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def measure(folder: Path) -> dict[str, float]:
    """Seconds and peak memory, MB, of `automed search` over that folder."""
    command = [sys.executable, "-m", "automed", "search", str(folder / "recipe.yaml"), "--out", str(folder / "run")]
    started = time.monotonic()
    peaks = {f"{who} {what}": 0.0 for who in ("parent", "worker") for what in ("rss", "anonymous")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            for who, each in (("parent", [parent]), ("worker", parent.children(recursive=True))):
                for one in each:
                    try:
                        found = {"rss": one.memory_info().rss, "anonymous": anonymous(one.pid)}
                    except (psutil.Error, OSError):
                        continue
                    for what, size in found.items():
                        peaks[f"{who} {what}"] = max(peaks[f"{who} {what}"], size / 1e6)
            time.sleep(0.5)
    if process.returncode != 0:
        sys.exit((folder / "log").read_text())
    return {"seconds": time.monotonic() - started, **peaks}


def main(counts: list[int], side: int = 32) -> None:
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            make(Path(name), count, side)
            found = measure(Path(name))
            print(
                f"{count:>9,} images  " + "  ".join(f"{what} {value:,.0f}" for what, value in found.items()), flush=True
            )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [10_000, 100_000])
