"""The verbs `automed data ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from automed.cli import console, options

if TYPE_CHECKING:
    from rich.console import Console

ORDER = ("leak", "warning", "note")  # of findings: what stops a search comes first
STYLES = {"leak": "bold red", "warning": "yellow"}
ROWS_SHOWN = 8


def check(recipe: options.Recipe, settings: options.Settings = None, json: options.Json = False) -> None:
    """Read the data of a recipe, split them, and look for what would make a
    score a lie.

    Files that cannot be read, constant images, exact and near duplicates
    within and across splits, patients in two splits, labels that contradict
    each other, classes too small, a column (or its missing values) that
    alone gives away the label, and acquisition shortcuts: image size, file
    format or camera against label.

    A leak across splits is exit code 3, with the remedy; everything else is
    a finding that the report repeats. Messages name row numbers, never a
    patient.

    [bold]Examples[/bold]

      automed data check skin
      automed data check recipes/ham10000.yaml --json > findings.json
    """
    from automed import pipeline
    from automed.cli.plain import Plain
    from automed.recipe import load
    from automed.runtime import environ

    loaded = load(recipe, settings or (), environ=environ())
    display = Plain(console.tell)
    facts = pipeline.inspect(loaded, display.listen)
    if json:
        console.emit(facts)
    else:
        _print(facts, console.out())
    leaks = [finding for finding in facts["findings"] if finding["severity"] == "leak"]
    if leaks:
        if not json:
            console.tell(f"{len(leaks)} leak(s): a search would be refused")
        raise typer.Exit(3)


def cache_show(json: options.Json = False) -> None:
    """List what is decoded and kept, least recently used first.

    The cache is bounded: the entries that were not used for longest go
    first. AUTOMED_CACHE moves it, AUTOMED_CACHE_GB sets its size.

    [bold]Examples[/bold]

      automed data cache show
    """
    from automed.data import cache
    from automed.runtime import cache_folder, cache_limit_bytes

    entries = cache.show()
    total = sum(entry.bytes for entry in entries)
    if json:
        listed = [
            {"key": e.key, "about": e.about, "bytes": e.bytes, "used": e.used.isoformat(), "in_use": e.in_use}
            for e in entries
        ]
        folder = str(cache_folder())
        console.emit({"folder": folder, "bytes": total, "limit_bytes": cache_limit_bytes(), "entries": listed})
        return
    if entries:
        table = console.table("key", "what", "MB", "last used", "", right=("MB",), fold="what")
        for entry in entries:
            used = f"{entry.used:%Y-%m-%d %H:%M}"
            table.add_row(entry.key[:12], entry.about, f"{entry.bytes / 1e6:,.1f}", used, "in use" * entry.in_use)
        console.out().print(table)
    console.say(f"{total / 1e6:,.1f} MB of at most {cache_limit_bytes() / 1e9:,.1f} GB in {cache_folder()}")


def cache_clear(
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY...", help="Keys as cache show lists them; all where left out.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Delete what is decoded and kept. It is decoded again when it is needed;
    entries that a running search uses stay.

    [bold]Examples[/bold]

      automed data cache clear
      automed data cache clear 3f9a1c
    """
    from automed.data import cache

    freed = cache.clear(keys or None)
    if json:
        console.emit({"freed_bytes": freed})
        return
    console.say(f"freed {freed / 1e6:,.1f} MB")


def _print(facts: dict[str, Any], console_: Console) -> None:
    """Counts by class and split, the proof that splits share nobody, and the findings."""
    splits = list(facts["counts"])
    counts = console.table("class", *splits, "all", right=(*splits, "all"))
    for entry in facts["classes"]:
        row = [facts["counts"][split].get(entry["key"], 0) for split in splits]
        label = entry["name"] if entry["name"] == entry["key"] else f"{entry['name']} ({entry['key']})"
        counts.add_row(label, *(f"{n:,}" for n in row), f"{sum(row):,}")
    # Where the data name no patients, each record counts as one: a row of them would claim more than is known.
    people = facts["patients"] if facts.get("patients_named") else {}
    if people:
        counts.add_row("patients", *(f"{people.get(split, 0):,}" for split in splits), "", style="dim")
    console_.print(f"{facts['n']:,} records from {facts['source']}" + ("  PHANTOM: no patients" * facts["phantom"]))
    console_.print(counts)
    unreadable = facts.get("unreadable") or []
    if unreadable:
        shown = "; ".join(f"row {entry['row']}: {entry['reason']}" for entry in unreadable[:ROWS_SHOWN])
        console_.print(f"{len(unreadable)} unreadable, left out: {shown}")
    if dropped := facts.get("dropped_duplicates"):
        console_.print(f"{dropped:,} left out of training or validation: copies of records in another split")
    console_.print("across splits: " + ", ".join(f"{_words(k)} {v}" for k, v in _proved(facts).items()))
    findings = sorted(facts["findings"], key=lambda finding: _order(finding["severity"]))
    if not findings:
        console_.print("no findings")
        return
    from rich.text import Text

    for finding in findings:
        severity = finding["severity"]
        text = Text.assemble(
            "\n", (severity, STYLES.get(severity, "dim")), (f" {_words(finding['kind'])}: ", "bold"), finding["message"]
        )
        if rows := finding.get("rows"):
            rest = finding["count"] - len(rows[:ROWS_SHOWN])
            more = f" and {rest:,} more" if rest > 0 else ""
            text.append(f"\n  rows {', '.join(str(row) for row in rows[:ROWS_SHOWN])}{more}", "dim")
        if finding.get("remedy"):
            text.append(f"\n  {finding['remedy']}", "dim")
        console_.print(text, soft_wrap=True)


def _proved(facts: dict[str, Any]) -> dict[str, int]:
    """The counts of the disjointness proof that are single numbers."""
    return {name: value for name, value in facts["disjoint"].items() if isinstance(value, int)}


def _order(severity: str) -> int:
    return ORDER.index(severity) if severity in ORDER else len(ORDER)


def _words(name: str) -> str:
    return name.replace("_", " ")
