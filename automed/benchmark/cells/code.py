"""Which state of the code, and which packages, a point was made with."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

import automed
from automed.benchmark import rivals


def code_digest() -> str:
    """SHA-256 of automed's own source files: the same on every machine, and it tells uncommitted states apart.

    The scripts of rivals are not among them: a rival that is mended changes no figure of ours, and stands in its own
    cell (`script_digest`).
    """
    folder = Path(automed.__file__).parent
    told = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        if file.parent == Path(rivals.__file__).parent:
            continue
        told.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes() + b"\0")
    return told.hexdigest()


def script_digest(script: Path) -> str:
    """SHA-256 of a rival's script and of all that lies beside it, since they share their parts; 12 digits."""
    told = hashlib.sha256(script.name.encode())
    for file in sorted(script.parent.glob("*.py")):
        told.update(file.read_bytes() + b"\0")
    return told.hexdigest()[:12]


def packages() -> dict[str, str]:
    """Version of every installed package by its name, in the order of names."""
    found = {str(one.metadata["Name"]): str(one.version) for one in metadata.distributions() if one.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))
