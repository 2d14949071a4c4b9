"""The machine and the process: backend, seeds, threads, GPU memory, hardware. The only reader of os.environ."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("tensorflow", "keras", "optuna", "keras-tuner", "scikit-learn", "numpy", "pandas", "pillow", "pydicom")
OOM_SCORE = 800  # of 1000: the kernel should take a worker before the parent that keeps the search


def environ() -> Mapping[str, str]:
    """The environment, for ${VARIABLE} in a recipe."""
    return os.environ


def cache_folder() -> Path:
    """Where decoded data and fetched files are kept: $AUTOMED_CACHE, or the user's cache folder."""
    import platformdirs

    chosen = os.environ.get("AUTOMED_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("automed"))


def cache_limit_bytes() -> int:
    """How large the cache may grow: $AUTOMED_CACHE_GB, or 20 GB."""
    try:
        gigabytes = float(os.environ.get("AUTOMED_CACHE_GB", "20"))
    except ValueError:
        gigabytes = 20.0
    return int(gigabytes * 1e9)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def gpus() -> tuple[str, ...]:
    """Names of the NVIDIA GPUs of this machine, read without TensorFlow; CUDA_VISIBLE_DEVICES is respected."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return ()
    if not (tool := shutil.which("nvidia-smi")):
        return ()
    try:
        asked = [tool, "--query-gpu=name,compute_cap,memory.total", "--format=csv,noheader"]
        listed = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    names = [line.strip() for line in listed.splitlines() if line.strip()]
    return tuple(names[: len(visible.split(","))]) if visible is not None else tuple(names)


@dataclass(frozen=True)
class Share:
    """What one worker process may use of the machine."""

    threads: int
    gpu: int | None = None  # position among the visible ones; several workers share one by growing as they need


def shares(workers: int | str) -> tuple[Share, ...]:
    """Deal cores and GPUs to worker processes; "auto" is one worker a GPU, or one for every two cores (at most 4)."""
    found, available = len(gpus()), cores()
    count = workers if isinstance(workers, int) else (found or max(1, min(4, available // 2)))
    threads = max(1, available // count)
    if not found:
        return tuple(Share(threads) for _ in range(count))
    return tuple(Share(threads, gpu=i % found) for i in range(count))


def worker_environment(share: Share) -> dict[str, str]:
    """Environment of a worker: set before its interpreter starts, since TensorFlow reads it at import."""
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1"),
        "OMP_NUM_THREADS": str(share.threads),
        "TF_NUM_INTRAOP_THREADS": str(share.threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "PYTHONHASHSEED": "0",
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "tensorflow"),
    }
    if share.gpu is None:
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
    else:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        environment["CUDA_VISIBLE_DEVICES"] = (
            visible[share.gpu] if len(visible) > share.gpu and visible[0] else str(share.gpu)
        )
    return environment


def prepare_here() -> None:
    """Let a network run in this process, quietly; call before Keras is imported, for TensorFlow reads this then."""
    for name, value in (
        ("TF_CPP_MIN_LOG_LEVEL", "3"),
        ("TF_FORCE_GPU_ALLOW_GROWTH", "true"),
        ("XLA_PYTHON_CLIENT_PREALLOCATE", "false"),
        ("KERAS_BACKEND", "tensorflow"),
    ):
        os.environ.setdefault(name, value)
    # Each copy of a network is traced once: it is not the mistake that TensorFlow warns of.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # TensorFlow greets on stderr before it can be told not to; what goes wrong is raised, and shown.
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            importlib.import_module("keras")
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def prepare_worker() -> None:
    """Settings of this process that no environment variable can make; call once, before the first model."""
    # Not Linux, or not allowed: the kernel's own choice stands.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))
    import keras

    # Same trials, same scores: sums in a fixed order. On CPU this costs a few per cent, on GPU it can cost more.
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and the Keras backend."""
    import keras

    keras.utils.set_random_seed(seed)


def precision(asked: str) -> str:
    """The Keras dtype policy for a recipe's `train.precision`: float32 on CPU, half precision where the card has it."""
    if asked == "float32" or (asked == "auto" and not gpus()):
        return "float32"
    if asked != "auto":
        return f"mixed_{asked}"
    capability = float(gpus()[0].split(",")[1]) if gpus()[0].count(",") >= 2 else 0.0
    if capability >= 8.0:
        return "mixed_bfloat16"
    return "mixed_float16" if capability >= 7.0 else "float32"


def compile_ahead() -> bool | str:
    """What `jit_compile` should be: XLA lost on CPU when measured (twice the time an epoch), Keras decides on GPU."""
    return "auto" if gpus() else False


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def memory_mb() -> float:
    """Resident memory of this process now, MB."""
    import psutil

    return float(psutil.Process().memory_info().rss / 1e6)


def versions() -> dict[str, str]:
    """Python's and the main packages' versions, read without importing them."""
    found = {"python": platform.python_version()}
    for name in ("automed", *PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def hardware() -> dict[str, Any]:
    """Facts about the machine that a score or a duration may depend on."""
    import psutil

    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "gpus": list(gpus()),
        "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: platform knows it
    return platform.processor()


def git_revision(folder: Path) -> str | None:
    """Commit of the checkout that `folder` is in, with "+" where files differ from it; None outside git."""
    try:
        ask = ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*"]
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
