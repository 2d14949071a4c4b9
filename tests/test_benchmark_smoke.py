"""The suite that runs wherever automed is built: phantoms, through the command line, gates included."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_smoke_suite_runs_and_meets_its_gates(tmp_path):
    """Every cell is done, ours is ahead of the majority class on every recipe and seed, and the page is there."""
    told = tmp_path / "told.json"
    hook = f"{sys.executable} -c \"import sys; open({str(told)!r}, 'w').write(sys.stdin.read())\""
    command = ["benchmark", "run", "smoke", "--in", str(tmp_path), "--gate", "--hook", hook]
    ended = subprocess.run([sys.executable, "-m", "automed", *command], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    document = json.loads(told.read_text())
    assert (document["suite"], document["before"], document["gates"]) == ("smoke", None, [])
    assert (tmp_path / "smoke" / "index.html").is_file()

    from automed.benchmark.history import History

    with History.open(tmp_path / "smoke", create=False) as history:
        cells = {cell.key: cell for cell in history.cells(1)}
    assert {cell.status for cell in cells.values()} == {"done"}
    for recipe, seed, engine in cells:
        if engine == "automed":
            assert cells[recipe, seed, engine].value() > cells[recipe, seed, "majority"].value() + 0.1
