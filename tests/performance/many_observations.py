"""Peak memory of binning long tables of more and more observations, each larger than the limit that is stated.

    .venv/bin/python tests/performance/many_observations.py --limit 200 10 40

Arguments are millions of observations. Memory must not grow with them: the bins of the records stay, and one batch of
the table at a time. Every table but the first must be larger than the limit, MB, and take less than it above the
imports; otherwise the exit code is 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

RECORDS, VARIABLES, BINS = 2000, 20, 48

CHILD = """
import resource, sys, time
from pathlib import Path
import numpy as np
from automed.data.decode import observations
from automed.data.records import Observations
from automed.recipe import Events

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3

spec = Events(table="t", record="stay", time="hour", bin=1, length={bins})
item = Observations(Path(sys.argv[1]), spec, np.array([str(n) for n in range({records})], object))
before, began, total = peak(), time.monotonic(), 0.0
names = observations.variables(item)
for block in observations.bins(item, names, dict()):
    total += float(np.nansum(block[..., len(names) : 2 * len(names)]))
print(len(names), total, peak() - before, time.monotonic() - began)
"""


def make(path: Path, millions: float) -> None:
    """A csv file of so many observations, in no order: records, times and variables are drawn."""
    random = np.random.default_rng(0)
    names = np.array([f"variable {n}" for n in range(VARIABLES)])
    schema = pa.schema(
        [("stay", pa.int32()), ("hour", pa.float32()), ("variable", pa.string()), ("value", pa.float32())]
    )
    with pa.csv.CSVWriter(path, schema) as writer:
        left = int(millions * 1e6)
        while left > 0:
            count = min(left, 500_000)
            left -= count
            columns = [
                pa.array(random.integers(0, RECORDS, count, dtype=np.int32)),
                pa.array(random.uniform(-1, BINS + 1, count).astype(np.float32)),
                pa.array(names[random.integers(0, VARIABLES, count)]),
                pa.array(random.normal(100, 15, count).astype(np.float32)),
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("millions", type=float, nargs="*", default=[10.0, 40.0])
    parser.add_argument("--limit", type=float, default=200.0, help="MB")
    asked = parser.parse_args()
    bad = False
    for number, millions in enumerate(asked.millions):
        with tempfile.TemporaryDirectory() as name:
            path, began = Path(name) / "t.csv", time.monotonic()
            make(path, millions)
            size, made = path.stat().st_size / 1e6, time.monotonic() - began
            code = CHILD.format(bins=BINS, records=RECORDS)
            done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        variables, observed, peak, seconds = (float(word) for word in done.stdout.split())
        print(
            f"{millions:>7g} million observations, {size:,.0f} MB (made in {made:,.0f} s): {variables:.0f} variables, "
            f"{observed:,.0f} bins observed, peak {peak:,.0f} MB above the imports, {seconds:,.1f} s",
            flush=True,
        )
        bad |= peak > asked.limit or (number > 0 and size < asked.limit)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
