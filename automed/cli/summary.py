"""The tables at the end of a search and of `runs show`: finalists beside the baselines, leaderboard, budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automed.cli import console
from automed.cli.runs import figure, interval

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@dataclass(frozen=True)
class Line:
    """One row of the table of tested models."""

    model: str
    macro_f1: str
    interval: str
    against: str
    accuracy: str
    auroc: str
    baseline: bool = False


def lines(finalists: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    """Finalists, then the baselines on the same test records; the facts of the table."""
    made = []
    rival = _rival(finalists)
    for finalist in finalists:
        named = finalist.get("architecture") and f"{finalist['rank']} {finalist['architecture']}"
        made.append(_line(named or str(finalist["finalist"]), finalist["test"], _difference(finalist, rival)))
    baselines = finalists[0].get("baselines", {}) if finalists else {}
    ordered = sorted(baselines.items(), key=lambda item: -(item[1]["test"]["macro_f1"]["value"] or 0.0))
    made += [_line(f"- {name}", scores["test"], baseline=True) for name, scores in ordered]
    return tuple(made)


def tested(finalists: Sequence[Mapping[str, Any]]) -> Table:
    """The table of finalists and baselines on the test set; 79 columns wide with the longest architecture's name."""
    rival = _rival(finalists)
    names = ("model", "macro-F1", "95 % interval", f"over {rival}" if rival else "", "accuracy", "AUROC")
    table = console.table(*names, right=("macro-F1", "accuracy", "AUROC"))
    for place, line in enumerate(lines(finalists)):
        style = "bold" if place == 0 else "dim" if line.baseline else ""
        cells = (line.model, line.macro_f1, line.interval, line.against, line.accuracy, line.auroc)
        table.add_row(*cells, style=style)
    if rival:
        table.caption, table.caption_justify = "- marks the baselines, on the same records", "left"
    return table


def print_outcome(
    name: str,
    status: str,
    run: str,
    index: str,
    board: Mapping[str, Any],
    finalists: Sequence[Mapping[str, Any]],
    out: Console,
) -> None:
    """What a search came to, where its pages are, and how to go on."""
    from rich.text import Text

    style = "bold green" if status == "done" else "bold yellow"
    out.print(Text.assemble((f"{name}: {status}", style), f"  {_spent(board)}"))
    if finalists:
        n = finalists[0]["test"]["n"]
        out.print(f"\non the test set, n = {n:,}; intervals by bootstrap over patients\n")
        out.print(tested(finalists))
    if finalists and (groups := finalists[0].get("audit")):
        out.print(Text(f"\ngroups: {groups['sentence']}", "red" if groups["verdict"] == "beyond" else ""))
    if (chosen := board.get("selection")) and not chosen["same"] and chosen["fair"]:
        out.print(Text(f"selection: {chosen['sentence']}"))
    if board.get("note"):
        out.print(Text(f"note: {board['note']}", "yellow"))
    out.print(f"\nreport  {index}", soft_wrap=True)
    if status == "done":
        out.print(f"go on   automed search {run} --set {_more(board)}", soft_wrap=True)
    else:
        out.print(f"go on   automed search {run} --resume", soft_wrap=True)


def print_run(facts: Mapping[str, Any], out: Console, top: int) -> None:
    """One run, from its files."""
    from rich.text import Text

    manifest, data, board = facts["manifest"], facts["data"], facts["leaderboard"]
    title = (manifest.get("recipe") or {}).get("title") or ""
    out.print(Text.assemble((facts["run"], "bold"), f"  {facts['status']}", (f"  {title}", "dim")), soft_wrap=True)
    ended = manifest.get("ended") or "not ended"
    out.print(f"started {manifest.get('started')}, ended {ended}; seed {manifest.get('seed')}")
    out.print(f"command {manifest.get('command')}", soft_wrap=True)
    if data:
        counts = ", ".join(f"{part} {sum(classes.values()):,}" for part, classes in data["counts"].items())
        kind = "phantom, no patients" if data["phantom"] else data["source"]
        out.print(f"data    {data['n']:,} records ({kind}): {counts}; {len(data['findings'])} findings")
    if board:
        out.print(f"budget  {_spent(board)}\n\non the validation set")
        out.print(_leaderboard(board, top))
    if facts["finalists"]:
        out.print("\non the test set")
        out.print(tested(facts["finalists"]))
    ledger = facts["ledger"]
    out.print(f"\nledger  {ledger['lines']} lines, unbroken; the test set was read {_times(ledger['looks_at_test'])}")
    if facts["index"]:
        out.print(f"report  {facts['index']}", soft_wrap=True)


def _leaderboard(board: Mapping[str, Any], top: int) -> Table:
    names = ("", "model", "macro-F1", "parameters", "epochs", "seconds", "state")
    table = console.table(*names, right=("", "macro-F1", "parameters", "epochs", "seconds"))
    for row in board["rows"][:top]:
        baseline = row["kind"] == "baseline"
        table.add_row(
            str(row["rank"]),
            f"- {row['architecture']}" if baseline else f"{row['architecture']} #{row['number']}",
            figure(row["validation"]["macro_f1"]),
            "" if row.get("parameters") is None else f"{row['parameters']:,}",
            str(row.get("epochs", "")),
            f"{row['seconds']:.0f}",
            row.get("state", ""),
            style="dim" if baseline else "",
        )
    if len(board["rows"]) > top:
        table.add_row("", f"and {len(board['rows']) - top} more")
    return table


def _line(model: str, test: Mapping[str, Any], against: str = "", *, baseline: bool = False) -> Line:
    def value(name: str) -> str:
        return figure(test[name]["value"]) if name in test else "-"

    bounds = interval(test["macro_f1"]["ci95"])
    return Line(model, value("macro_f1"), bounds, against, value("accuracy"), value("auroc"), baseline)


def _rival(finalists: Sequence[Mapping[str, Any]]) -> str | None:
    """The baseline with the best test macro-F1: the one that a model must beat."""
    baselines = finalists[0].get("baselines", {}) if finalists else {}
    if not baselines:
        return None
    return str(max(baselines, key=lambda name: baselines[name]["test"]["macro_f1"]["value"] or 0.0))


def _difference(finalist: Mapping[str, Any], rival: str | None) -> str:
    compared = (finalist.get("against") or {}).get(rival)
    if not compared:
        return ""
    found = compared["macro_f1"]
    if found["difference"] is None:
        return "not estimable"
    low, high = found["ci95"]
    return f"{found['difference']:+.2f} ({low:+.2f} to {high:+.2f})"


def _spent(board: Mapping[str, Any]) -> str:
    budget = board["budget"]
    trials = budget["trials"]
    ended = ", ".join(
        f"{trials[state]} {state}" for state in ("finished", "pruned", "failed", "interrupted") if trials[state]
    )
    total = sum(trials[state] for state in ("finished", "pruned", "failed", "interrupted"))
    return f"{total} trials ({ended or 'none ended'}) in {budget['minutes']['used']:.1f} minutes"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _more(board: Mapping[str, Any]) -> str:
    """The setting that gives a search more of what it ran out of."""
    minutes = board["budget"]["minutes"]
    trials = board["budget"]["trials"]
    ended = trials["finished"] + trials["pruned"] + trials["failed"]
    if minutes["asked"] and ended < trials["asked"]:
        return f"search.minutes={2 * minutes['asked']:g}"
    return f"search.trials={2 * trials['asked']}"
