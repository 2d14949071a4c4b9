"""The documentation: what it names is there, what it shows works, and what is there is named."""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
import shlex
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer import Typer
from typer.models import OptionInfo
from typer.testing import CliRunner

import automed
from automed import errors, pipeline, recipe, runtime
from automed.cli import VERBS, build, main
from automed.data.checks.outcomes import AMONG_INPUTS
from automed.models import ARCHITECTURES
from automed.search import BASELINES

ROOT = Path(__file__).parents[1]
PACKAGE = Path(automed.__file__).parent
README, DOCS = ROOT / "README.md", ROOT / "docs"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
RUN_FOLDER = (DOCS / "run-folder.md").read_text(encoding="utf-8")
# Verbs that are quick and change nothing: the ones whose examples are run as they stand.
SAFE = ("recipe list", "recipe show", "recipe check", "recipe schema", "recipe new", "data cache show", "runs list")
LARGEST_IMAGE = 150_000  # bytes
# Texts with an underscore in data/checks/check.py and data/splits.py that are no kinds of findings.
NO_KINDS = {"shared_patients", "exact_duplicates", "near_duplicates", "raise_on_leak"}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


# --- reading Markdown ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line of its fence, its language and its lines."""

    page: Path
    line: int
    language: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True)
class Example:
    """A command of the documentation and the output that is shown below it."""

    where: str
    command: str
    shown: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        return shlex.split(self.command, comments=True)[1:]

    def __str__(self) -> str:
        return f"{self.where} {self.command}"


def parse(page: Path) -> tuple[list[Block], str]:
    """The fenced blocks of a page, and its text without them."""
    blocks: list[Block] = []
    prose: list[str] = []
    inside: list[str] | None = None
    language, begun = "", 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if inside is None:
                inside, language, begun = [], line[3:].strip(), number
            else:
                blocks.append(Block(page, begun, language, tuple(inside)))
                inside = None
        else:
            (prose if inside is None else inside).append(line)
    assert inside is None, f"{page.name}:{begun}: a block is not closed"
    return blocks, "\n".join(prose)


def rows(text: str, header: str) -> Iterator[list[str]]:
    """The cells of every row of every table whose first column is called `header`."""
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if inside and not set(cells[0]) <= {"-", ":"}:
            yield cells
        inside = inside or cells[0] == header


def spans(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def section(text: str, title: str) -> str:
    """The part of a page under one heading."""
    return re.split(rf"^#+ {re.escape(title)}$", text, flags=re.MULTILINE)[1].split("\n## ")[0]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", parse(page)[1], flags=re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


BLOCKS = [block for page in PAGES for block in parse(page)[0]]
PROSE = {page: parse(page)[1] for page in PAGES}


def examples() -> list[Example]:
    """Every automed command in console and sh blocks, and in the text."""
    found = []
    for block in BLOCKS:
        if block.language == "sh":
            found += [Example(str(block), line) for line in block.lines]
        elif block.language == "console":
            assert block.lines[0].startswith("$ "), f"{block}: a command in a console block begins with a dollar sign"
            for part in re.split(r"^\$ ", "\n".join(block.lines), flags=re.MULTILINE)[1:]:
                command, *shown = part.rstrip("\n").split("\n")
                found.append(Example(str(block), command, tuple(shown)))
    found += [Example(page.name, span) for page, text in PROSE.items() for span in spans(text)]
    # Completion would be installed into the tester's own shell; in CHANGELOG, a|b stands for several verbs.
    return [
        each for each in found if each.command.startswith("automed ") and not re.search(r"\||complet", each.command)
    ]


EXAMPLES = examples()


# --- commands -----------------------------------------------------------------------------------------------------


def verb_of(words: list[str]) -> str:
    """The verb that a command names, as the table of verbs has it; empty where it names none."""
    return next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in VERBS), "")


def options_of(verb: str) -> set[str]:
    """The long options of a verb, from its signature."""
    found: set[str] = set()
    for name, hint in typing.get_type_hints(VERBS.load(verb), include_extras=True).items():
        for option in getattr(hint, "__metadata__", ()):
            if isinstance(option, OptionInfo):
                # Inside Annotated, Typer keeps the first declaration where a default would stand.
                named = re.findall(r"--[\w-]+", " ".join(map(str, (option.default, *(option.param_decls or ())))))
                found.update(named or [f"--{name.replace('_', '-')}"])
    return found


def test_the_readme_lists_every_verb_with_all_its_options() -> None:
    """The table in the README is the table of verbs, no more and no less."""
    listed = {
        verb_of(shlex.split(spans(cells[0])[0])[1:]): set(spans(cells[2])) for cells in rows(README.read_text(), "verb")
    }
    assert listed == {verb: options_of(verb) for verb in VERBS}


@pytest.fixture(scope="module")
def listener() -> tuple[Typer, list[dict[str, Any]]]:
    """The command line with verbs that only keep what they are given, and what they kept."""
    given: list[dict[str, Any]] = []

    def hear_only(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def heard(*_: Any, **values: Any) -> None:
            given.append(values)

        return heard

    with pytest.MonkeyPatch.context() as patch:
        real = VERBS.load
        patch.setattr(VERBS, "load", lambda name: hear_only(real(name)))
        return build(), given


@every_page
def test_every_command_that_is_shown_can_be_typed(page: Path, listener: tuple[Typer, list[dict[str, Any]]]) -> None:
    """Verb, options and values are accepted, and each --set fits the recipe; nothing is run."""
    app, given = listener
    for example in (example for example in EXAMPLES if example.where.partition(":")[0] == page.name):
        words, verb = example.words, verb_of(example.words)
        assert verb or words[0].startswith("-"), f"{example}: no such verb"
        if words == verb.split() and words[-1] in ("search", "check"):
            continue  # a verb that is spoken of, without what it takes
        given.clear()
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{example}: {result.output}"
        settings = [text for values in given for text in values.get("settings") or ()]
        if settings and not example.shown:  # what is shown with its output may be a mistake on purpose
            pipeline.check(recipe.load("skin", settings))


@pytest.mark.parametrize(
    "example",
    [e for e in dict.fromkeys(EXAMPLES) if verb_of(e.words) in SAFE and not set(e.words) & {"RECIPE"}],
    ids=str,
)
def test_safe_examples_run_and_say_what_is_shown(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a folder with the shipped recipes and those that the pages write down, they work as they stand."""
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    for block in BLOCKS:
        shown = block.language == "yaml" and verb_of(example.words) != "recipe new"
        if shown and is_whole(tree := yaml.safe_load("\n".join(block.lines))):
            (tmp_path / f"{tree['name']}.yaml").write_text("\n".join(block.lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(example.words)
    said = capsys.readouterr()
    if example.shown:
        assert (said.out + said.err).rstrip("\n").splitlines() == list(example.shown)
    else:
        assert ended.value.code == 0, said.err


def test_make_targets_that_are_shown_exist() -> None:
    """`make demo` and `make test` are the README's two commands; both, and all others that are named, are there."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    first = [line.split("#")[0].strip() for line in BLOCKS[0].lines]
    named = {span.split()[1] for text in PROSE.values() for span in spans(text) if re.fullmatch(r"make [\w-]+", span)}
    assert first == ["make demo", "make test"]
    assert named | {"demo", "test"} <= targets


# --- recipes ------------------------------------------------------------------------------------------------------


def is_whole(tree: dict[str, Any]) -> bool:
    """Whether a YAML block is a recipe, or a part of one."""
    return {"name", "data", "inputs"} <= tree.keys()


def merged(tree: dict[str, Any]) -> dict[str, Any]:
    """The skin recipe with a fragment in it; a section that chooses its kind anew replaces the whole section."""
    whole: dict[str, Any] = yaml.safe_load(recipe.find("skin").read_text(encoding="utf-8"))
    for key, value in tree.items():
        anew = key == "inputs" or not isinstance(value, dict) or {"source", "by"} & value.keys()
        whole[key] = value if anew else {**whole.get(key, {}), **value}
    return whole


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "yaml"], ids=str)
def test_every_recipe_that_is_shown_is_right(block: Block, tmp_path: Path) -> None:
    """A whole recipe as it stands, a fragment within the skin recipe."""
    tree = yaml.safe_load("\n".join(block.lines))
    file = tmp_path / "shown.yaml"
    file.write_text("\n".join(block.lines) if is_whole(tree) else yaml.safe_dump(merged(tree)), encoding="utf-8")
    pipeline.check(recipe.load(file))


@dataclass(frozen=True)
class Key:
    """What the schema says of one key: the defaults of the models that have it, and what may be chosen."""

    path: str
    defaults: tuple[Any, ...]
    required: bool
    choices: frozenset[str]
    inner: bool  # has keys of its own


def schema_keys() -> dict[str, Key]:
    """Every key of a recipe by its dotted path, `<>` for names that are free."""
    schema = recipe.schema()
    found: dict[str, Key] = {}

    def branches(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if "$ref" in node:
            yield from branches(schema["$defs"][node["$ref"].rpartition("/")[2]])
        elif inner := node.get("oneOf") or node.get("anyOf"):
            for branch in inner:
                yield from branches(branch)
        else:
            yield node

    def free(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What stands under names that are free."""
        yield from node.get("patternProperties", {}).values()
        if isinstance(inner := node.get("additionalProperties"), dict):
            yield inner

    def choices(node: dict[str, Any]) -> Iterator[str]:
        for branch in branches(node):
            yield from (str(option) for option in branch.get("enum", [branch["const"]] if "const" in branch else []))
            yield from choices(branch["items"]) if "items" in branch else ()

    def walk(node: dict[str, Any], path: str) -> None:
        for branch in branches(node):
            for name, inner in branch.get("properties", {}).items():
                here = f"{path}.{name}" if path else name
                before = found.get(here, Key(here, (), False, frozenset(), False))
                found[here] = Key(
                    here,
                    before.defaults + ((inner["default"],) if "default" in inner else ()),
                    before.required or name in branch.get("required", ()),
                    before.choices | frozenset(choices(inner)),
                    any("properties" in each or list(free(each)) for each in branches(inner)),
                )
                walk(inner, here)
            for inner in free(branch):
                walk(inner, f"{path}.<>")

    walk(schema, "")
    return found


def as_yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def test_the_recipe_page_names_every_key_with_its_default_and_choices() -> None:
    """The tables hold every key of the JSON schema and no other; defaults and choices are those of the schema."""
    known = schema_keys()
    documented = {
        re.sub(r"<\w+>", "<>", spans(cells[0])[0]): cells for cells in rows((DOCS / "recipe.md").read_text(), "key")
    }
    assert {path for path, key in known.items() if not key.inner} - documented.keys() == set(), "not documented"
    assert documented.keys() - known.keys() == set(), "documented, but not a key"
    for path, cells in documented.items():
        key, said = known[path], spans(" ".join(cells[1:]))
        assert (cells[2] == "*required*") == key.required, path
        assert key.choices <= set(said), f"{path}: {key.choices - set(said)}"
        for default in key.defaults:
            assert any(as_yaml(span) == default for span in said), f"{path}: the default is {default}"


@pytest.mark.parametrize("table", [ARCHITECTURES, BASELINES], ids=lambda table: str(table.what))
def test_every_name_that_a_recipe_may_choose_is_described(table: Any) -> None:
    """Architectures and baselines stand on the page of recipes."""
    assert set(table) <= set(spans(PROSE[DOCS / "recipe.md"]))


# --- data, run folder, errors -------------------------------------------------------------------------------------


def tree_of(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


def texts(tree: ast.AST) -> Iterator[str]:
    """Every string constant, those inside f-strings included."""
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    """Calls of functions and methods by their last name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", None)) in names:
            yield node


def test_every_finding_of_the_data_check_is_explained() -> None:
    """The tables of findings name every kind that the check and the kinds of input know, and no other."""
    files = [file.relative_to(PACKAGE).with_suffix("").as_posix() for file in (PACKAGE / "data").rglob("*.py")]
    first = [call.args[0] for file in files for call in calls(tree_of(file), "about", "Finding") if call.args]
    kinds = {node.value for node in first if isinstance(node, ast.Constant)} | {AMONG_INPUTS}
    kinds |= {
        text
        for name in ("checks/check", "splits")
        for text in texts(tree_of(f"data/{name}"))
        if re.fullmatch(r"[a-z]+(_[a-z]+)+", text)
    }
    explained = {name for cells in rows((DOCS / "data.md").read_text(), "finding") for name in spans(cells[0])}
    assert kinds - explained - NO_KINDS == set(), "not explained"
    assert explained <= kinds, "explained, but not a kind"


def test_every_file_of_a_run_is_described() -> None:
    """run.py owns the names; the page has them all."""
    names = {
        text
        for text in texts(tree_of("run"))
        if re.fullmatch(r"[\w-]+\.(jsonl?|yaml|parquet|npz|html|keras|journal)", text)
    }
    assert len(names) > 8
    assert {name for name in names if name not in RUN_FOLDER} == set()


def test_the_fields_of_data_json_and_of_the_events_are_described() -> None:
    """What prepare and the conductor write is what the page says they write."""
    returned = [node.value for node in ast.walk(tree_of("data/prepare")) if isinstance(node, ast.Return)]
    fields = {
        key.value
        for node in returned
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    assert "findings" in fields
    assert fields <= set(spans(section(RUN_FOLDER, "data.json")))
    described = {
        spans(cells[0])[0]: set(spans(cells[1])) | set(re.findall(r"\w+", cells[1]))
        for cells in rows(RUN_FOLDER, "event")
    }
    written = {
        call.args[0].value: {word.arg for word in call.keywords}
        for call in calls(tree_of("search/conduct"), "write")
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert described.keys() == written.keys()
    for event, fields in written.items():
        assert fields <= described[event], event


def test_the_ledgers_events_are_named() -> None:
    """Whatever is written into the ledger stands on the page."""
    logged = {
        call.args[0].value
        for module in (
            *("pipeline/searching", "pipeline/reviewing", "pipeline/material"),
            *("search/finalists", "search/conduct"),
        )
        for call in calls(tree_of(module), "log")
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert "test_read" in logged
    assert logged <= set(spans(section(RUN_FOLDER, "ledger.jsonl")))


def test_the_table_of_exit_codes_is_the_tree_of_errors() -> None:
    """Each error stands in the row of its code, and every code has a row."""
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.AutomedError)]
    expected: dict[int, set[str]] = {0: set()}
    for kind in kinds:
        expected.setdefault(kind.exit_code, set()).add(kind.__name__)
    assert {int(cells[0]): set(spans(cells[2])) for cells in rows(RUN_FOLDER, "code")} == expected


def test_messages_that_are_explained_are_ones_that_automed_says() -> None:
    """Every part of a quoted message that does not vary stands in the code."""
    said = [text for file in PACKAGE.rglob("*.py") for text in texts(ast.parse(file.read_text(encoding="utf-8")))]
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    for cells in (*rows(text, "message"), *rows(text, "reason")):
        for part in filter(None, (part.strip() for part in spans(cells[0])[0].split("..."))):
            pieces = [part] if any(part in each for each in said) else part.split("SIGKILL")
            assert all(any(piece in each for each in said) for piece in pieces), part


def test_every_variable_of_the_environment_is_documented() -> None:
    """runtime.py is the only reader of the environment; the variables that are automed's own stand in the docs."""
    read = {text for text in texts(ast.parse(inspect.getsource(runtime))) if text.startswith("AUTOMED_")}
    assert read
    assert read <= {span for text in PROSE.values() for span in spans(text)}


# --- links and hygiene --------------------------------------------------------------------------------------------


@every_page
def test_every_link_and_image_leads_somewhere(page: Path) -> None:
    """Files are there, anchors are headings, and images lie in the repository."""
    for image, target in re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", PROSE[page]):
        if target.startswith("https://"):
            assert not image, f"{page.name}: an image from elsewhere: {target}"
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), f"{page.name}: {target}"
        assert file.is_relative_to(ROOT), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(file), f"{page.name}: {target}"
    assert not re.search(r"<img|src=", PROSE[page])


def test_images_are_small_and_used() -> None:
    """Pages load quickly, and nothing is left over."""
    shown = {
        target.rpartition("/")[2] for text in PROSE.values() for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    }
    for file in (DOCS / "images").iterdir():
        assert file.stat().st_size <= LARGEST_IMAGE, file.name
        assert file.name in shown, file.name


@every_page
def test_pages_name_no_machine(page: Path) -> None:
    """No path of the machine on which they were written."""
    assert not re.search(r"(?<![\w.])/(work|root|home|Users|tmp)/", page.read_text(encoding="utf-8"))


def test_every_page_is_reached_from_the_readme() -> None:
    """A page that nobody links is a page that nobody reads."""
    linked = {target.partition("#")[0] for _, target in re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", PROSE[README])}
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} <= linked


def test_the_schema_for_editors_is_json() -> None:
    """What `automed recipe schema` prints is what the pages were compared with."""
    assert json.loads(json.dumps(recipe.schema())) == recipe.schema()
