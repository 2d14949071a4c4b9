"""The verb `automed doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from automed.cli import console, options

TIMEOUT_S = 180  # importing TensorFlow alone takes 20 s where it has no byte code


def doctor(
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Train a tiny network for five seconds in a process of its own.")
    ] = True,
    json: options.Json = False,
) -> None:
    """Show what automed runs on: versions, processor, GPUs, how they would be
    dealt to workers, the cache; then train a tiny network for five seconds.

    Exit code 1 means that the training failed or learnt nothing.

    [bold]Examples[/bold]

      automed doctor
      automed doctor --no-train --json
    """
    facts = _facts()
    if not json:
        _print(facts)
    if train:
        if not json:
            console.tell("training for five seconds ...")
        facts["training"] = _train()
        if not json:
            _print_training(facts)
    if json:
        console.emit(facts)
    if train and not facts["training"]["ok"]:
        raise typer.Exit(1)


def _facts() -> dict[str, Any]:
    from dataclasses import asdict

    from automed import runtime
    from automed.data import cache

    folder = runtime.cache_folder()
    entries = cache.show()
    return {
        "versions": runtime.versions(),
        "hardware": runtime.hardware(),
        "workers": [asdict(share) for share in runtime.shares("auto")],
        "precision": runtime.precision("auto"),
        "cache": {
            "folder": str(folder),
            "entries": len(entries),
            "bytes": sum(entry.bytes for entry in entries),
            "limit_bytes": runtime.cache_limit_bytes(),
            "free_bytes": _free(folder),
        },
    }


def _free(folder: Path) -> int:
    """Bytes free on the disk where the cache is, or will be."""
    import shutil

    existing = next(place for place in (folder, *folder.resolve().parents) if place.is_dir())
    return shutil.disk_usage(existing).free


def _train() -> dict[str, Any]:
    """The self-test's result, from a process with a worker's environment; what it printed last where it left none."""
    import subprocess
    import sys
    import tempfile

    from automed import runtime
    from automed.run import read_json

    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "result.json"
        command = [sys.executable, "-m", "automed.search.selftest", str(file)]
        environment = runtime.worker_environment(runtime.shares("auto")[0])
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return {"ok": False, "error": f"no result after {TIMEOUT_S} s"}
        if file.is_file():
            result: dict[str, Any] = read_json(file)
            return result
        said = [line for line in done.stderr.splitlines() if line.strip()]
        return {"ok": False, "error": f"ended with status {done.returncode}: {said[-1] if said else 'no message'}"}


def _print(facts: dict[str, Any]) -> None:
    hardware, store = facts["hardware"], facts["cache"]
    shares = facts["workers"]
    threads = f"{shares[0]['threads']} thread{'s' * (shares[0]['threads'] != 1)} each"
    where = "GPU" if shares[0]["gpu"] is not None else "CPU"
    rows = [
        *((name, version) for name, version in facts["versions"].items()),
        ("system", hardware["system"]),
        ("processor", f"{hardware['processor']}, {hardware['cores']} cores"),
        ("memory", f"{hardware['memory_gb']} GB"),
        ("GPUs", "; ".join(hardware["gpus"]) or "none found"),
        ("backend", hardware["backend"]),
        ("workers", f"{len(shares)} on {where}, {threads}; precision {facts['precision']}"),
        ("cache", f"{store['folder']}: {store['entries']} entries, {store['bytes'] / 1e6:,.0f} MB"),
        ("", f"of at most {store['limit_bytes'] / 1e9:,.0f} GB; {store['free_bytes'] / 1e9:,.1f} GB free on the disk"),
    ]
    table = console.table("", "", fold="")
    table.show_header = False
    for name, value in rows:
        table.add_row(name, value)
    console.out().print(table)


def _print_training(facts: dict[str, Any]) -> None:
    from rich.text import Text

    found = facts["training"]
    out = console.out()
    if "error" in found:
        out.print(Text.assemble(("training failed  ", "bold red"), found["error"]), soft_wrap=True)
        return
    loss = found["loss"]
    verdict = ("training works  ", "bold green") if found["ok"] else ("nothing was learnt  ", "bold red")
    out.print(
        Text.assemble(
            verdict,
            f"{found['images_per_second']:,.0f} images/s on {', '.join(found['devices'])} ({found['backend']}), ",
            f"loss {loss['before']:.3f} to {loss['after']:.3f}, start {found['seconds']['start']:.1f} s",
        ),
        soft_wrap=True,
    )
    seen = any("gpu" in device.lower() or "cuda" in device.lower() for device in found["devices"])
    if facts["hardware"]["gpus"] and not seen:
        hint = "The GPU was not used. For TensorFlow: pip install 'automed[gpu]'"
        out.print(Text(hint, "yellow"), soft_wrap=True)
