"""Shared material: a cache folder of the tests' own, and small sets that train in seconds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from commandline import Command, Ended
from hypothesis import settings

# A law is about values: how long an example takes on a busy machine says nothing of it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decoded pictures go to a folder of this session; workers inherit it."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["AUTOMED_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real sets, or a skip that says what is missing."""
    folder = os.environ.get("AUTOMED_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the real data sets: set AUTOMED_DATA to their folder")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with stripes.npz and stripes.yaml: 240 pictures, 16x16, of 120 patients; stripes lie or stand."""
    folder = tmp_path_factory.mktemp("stripes")
    random = np.random.default_rng(7)
    n = 240
    labels = np.repeat(random.integers(0, 2, n // 2), 2)
    waves = np.sin(np.arange(16)[None, :] * random.uniform(1.2, 2.0, n)[:, None] + random.uniform(0, 6, n)[:, None])
    flat = np.repeat(waves[:, :, None], 16, axis=2)
    pictures = np.where(labels[:, None, None] == 1, flat, flat.transpose(0, 2, 1))
    pictures = np.clip(128 + 40 * pictures + random.normal(0, 45, pictures.shape), 0, 255).astype(np.uint8)
    np.savez(folder / "stripes.npz", images=pictures, labels=labels, patient=np.repeat(np.arange(n // 2), 2))
    (folder / "stripes.yaml").write_text(
        """\
name: stripes
title: Stripes that lie or stand
data:
  source: npz
  file: stripes.npz
  classes: {"0": standing, "1": lying}
inputs:
  picture: {kind: image, size: [16, 16], channels: 1}
split: {by: patient, fractions: {train: 0.6, validation: 0.2, test: 0.2}}
search: {trials: 3, finalists: 2, architectures: [cnn], workers: 1}
train: {epochs: 3, patience: 3, batch: 16, augment: []}
evaluate: {robustness: false}
explain: {methods: []}
""",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def automed_command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in an empty folder, in this process."""
    from automed.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as done:
            main(list(arguments))
        said = capsys.readouterr()
        return Ended(int(done.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of each test's own."""
    monkeypatch.setenv("AUTOMED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
