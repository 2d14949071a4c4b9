"""The command `automed`: a table of verbs, and `main`, which runs one and shows what goes wrong.

One file a family of verbs. Those files import Typer and this package only; a verb's body imports its stage when it
runs, so that `automed --help` loads no library of the search.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from automed import __version__
from automed.errors import AutomedError
from automed.registry import Entry, Table

VERBS = Table(
    "verb",
    {
        "search": Entry("automed.cli.search:search", "Search, test and report models for a recipe."),
        "explain": Entry("automed.cli.explain:explain", "Explain what a model says, and test the explanations."),
        "audit": Entry("automed.cli.audit:audit", "Hold a model against groups of patients, with verdicts."),
        "report": Entry("automed.cli.report:report", "Render the pages of a run again from its files."),
        "compare": Entry("automed.cli.compare:compare", "Put the best models of several runs on one page."),
        "review import": Entry("automed.cli.review:import_", "Add what readers answered in a report's review."),
        "benchmark run": Entry("automed.cli.benchmark:run", "Run a suite of recipes, seeds and engines."),
        "benchmark compare": Entry("automed.cli.benchmark:compare", "Say whether a later point of a suite is worse."),
        "benchmark show": Entry("automed.cli.benchmark:show", "Render the page of a suite's history."),
        "benchmark schedule": Entry("automed.cli.schedule:schedule", "Bring a suite back at set times."),
        "doctor": Entry("automed.cli.doctor:doctor", "Show what automed runs on, and train for five seconds."),
        "recipe new": Entry("automed.cli.recipe:new", "Write a recipe to start from."),
        "recipe check": Entry("automed.cli.recipe:check", "Say what is wrong with a recipe."),
        "recipe show": Entry("automed.cli.recipe:show", "Print a recipe with every default written out."),
        "recipe schema": Entry("automed.cli.recipe:schema", "Print the JSON schema of recipes, for editors."),
        "recipe list": Entry("automed.cli.recipe:list_", "List the recipes that come with automed."),
        "data check": Entry("automed.cli.data:check", "Look for leaks and other faults in the data of a recipe."),
        "data cache show": Entry("automed.cli.data:cache_show", "List what is decoded and kept."),
        "data cache clear": Entry("automed.cli.data:cache_clear", "Delete what is decoded and kept."),
        "runs list": Entry("automed.cli.runs:list_", "List runs, newest first."),
        "runs show": Entry("automed.cli.runs:show", "Show one run: status, data, leaderboard, finalists."),
    },
)
FAMILIES = {
    "review": "What readers say of a model's cases.",
    "recipe": "Write, check and show recipes.",
    "data": "Check the data of a recipe; look after the cache.",
    "data cache": "What is decoded once and kept for every trial.",
    "benchmark": "The whole story again, over recipes, seeds and rivals; kept and compared.",
    "runs": "What earlier searches left behind.",
}
EXAMPLES = """[bold]Start here[/bold]

automed search skin               minutes, on synthetic images
automed recipe new --out my.yaml  then edit it
automed data check my.yaml        before you believe a score
"""


def build() -> typer.Typer:
    """The Typer application, made from the table of verbs."""
    app = _family("AutoML and explainability for deep learning in medical diagnosis.", epilog=EXAMPLES)
    app.callback()(_root)
    groups = {"": app}
    for name, entry in VERBS.items():
        family, _, verb = name.rpartition(" ")
        group = _group(groups, family)
        group.command(verb, short_help=entry.summary)(VERBS.load(name))
    return app


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one verb; leave with the exit code of docs: 0 done, 1 failure, 2 usage, 3 data, 4 gate, 5 undecided, 130."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = _takes_debug(given)
    # A terminal or log that cannot show a sign gets a question mark, not a crash at the end of an hour.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        build()(args=given, prog_name="automed")
    except AutomedError as problem:
        from automed.cli import failure

        failure.show(problem, debug)
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as problem:  # noqa: BLE001  # the last place where a person can be told calmly
        from automed.cli import failure

        failure.show_unexpected(problem, debug)
        sys.exit(1)
    sys.exit(0)


def _family(summary: str, epilog: str | None = None) -> typer.Typer:
    return typer.Typer(
        help=summary,
        epilog=epilog,
        no_args_is_help=True,
        rich_markup_mode="rich",
        # Locals hold patients' data; errors are shown by `failure`.
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _group(groups: dict[str, typer.Typer], family: str) -> typer.Typer:
    if family not in groups:
        parent, _, name = family.rpartition(" ")
        groups[family] = _family(FAMILIES[family])
        _group(groups, parent).add_typer(groups[family], name=name)
    return groups[family]


def _takes_debug(given: list[str]) -> bool:
    """Take `--debug` out of the arguments, wherever it stands: who is told to add it adds it at the end."""
    own = given[: given.index("--")] if "--" in given else given
    if "--debug" not in own:
        return False
    given.remove("--debug")
    return True


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"automed {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code an error came from. May stand after any verb.")
    ] = False,
) -> None:
    # `main` has read --debug already; it is declared here for --help and completion.
    del version, debug
