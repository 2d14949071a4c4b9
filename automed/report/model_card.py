"""MODEL_CARD.md: a finalist's model card with the front matter that Hugging Face reads, made of facts alone.

What no artefact says is "More information needed", as in the template of Mitchell et al. that Hugging Face uses.

Source: Mitchell et al. 2019, FAT* 220-229; the annotated model card template of huggingface_hub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from automed.report import story, words
from automed.report.facts import Candidate, Facts
from automed.report.inputs.image import Image
from automed.report.inputs.tabular import Tabular
from automed.report.inputs.tokens import Text
from automed.report.results import Score

NEEDED = "More information needed."
# What Hugging Face calls our metrics; those that it has no word for keep their name.
METRICS = {"macro_f1": "f1", "auroc": "roc_auc", "auprc": "average_precision", "mcc": "matthews_correlation"}
METRICS |= {"brier": "brier_score", "qwk": "quadratic_weighted_kappa", "rank_error": "mean_absolute_error"}
TASKS = {Image: "image-classification", Text: "text-classification", Tabular: "tabular-classification"}
ANSWERS = {"multiclass": "the class", "ordinal": "the rank", "multilabel": "every label"}
_MARKS = re.compile(r"([\\`*_\[\]|~$])")
_FIRST = re.compile(r"^(\s*)([#+=-]|\d+(?=[.)]\s))")


@dataclass(frozen=True)
class Said:
    """What the card says that takes more than one fact."""

    task: str
    inputs: str
    limitations: tuple[str, ...]
    reading: str
    data: str
    disjoint: str
    spent: str
    choices: tuple[tuple[str, str], ...]
    judged: tuple[tuple[str, tuple[str, ...]], ...]
    explained: tuple[str, ...]
    effort: str
    technical: tuple[tuple[str, str], ...]


def model_card(facts: Facts, candidate: Candidate) -> str:
    """The content of MODEL_CARD.md; the same facts give the same text."""
    results = candidate.results
    return (
        _environment()
        .get_template("MODEL_CARD.md")
        .render(
            facts=facts,
            candidate=candidate,
            results=results,
            front=Markup(front_matter(facts, candidate)),  # YAML quotes what it holds, and no page shows it
            summary=story.headline(facts, candidate) or "This model has not been tested.",
            names=words.listing(facts.cohort.names) if facts.cohort else NEEDED,
            card=_said(facts, candidate),
        )
    )


def front_matter(facts: Facts, candidate: Candidate) -> str:
    """The YAML block on top: library, tags, task, and the test figures as `model-index`.

    Source: huggingface_hub, `ModelCardData` and `EvalResult`; https://github.com/huggingface/hub-docs, modelcard.md.
    """
    kinds = [type(one) for one in facts.cohort.inputs] if facts.cohort else []
    # Of several inputs no task of theirs speaks.
    task = TASKS.get(kinds[0]) if len(kinds) == 1 else None
    tree: dict[str, Any] = {"license": "unknown", "library_name": "keras"}
    tree |= {"pipeline_tag": task} if task else {}
    tree["tags"] = ["automed", "medical", "classification", *(["synthetic-data"] if facts.phantom else [])]
    results = candidate.results
    known = [score for score in results.test.scores if score.value is not None] if results else []
    if known:
        tree["metrics"] = [METRICS.get(score.key, score.key) for score in known]
        name = _Quoted(f"{facts.title}: internal test set")
        data = {"name": name, "type": _Quoted(facts.plan.name), "split": "test"}
        entry = {"task": {"type": task or "other", "name": "Classification"}, "dataset": data}
        tree["model-index"] = [
            {
                "name": _Quoted(f"{facts.plan.name}-{candidate.name}"),
                "results": [entry | {"metrics": list(map(_metric, known))}],
            }
        ]
    text = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    # Between quotes, where alone it can stand, this means the same; a viewer that knows no front matter sees no tag.
    return "---\n" + text.replace("<", "\\x3c") + "---\n"


class _Quoted(str):
    """A text from the run, which stands between double quotes."""


class _Dumper(yaml.SafeDumper):
    """Knows them; the tree has no part that stands twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(_Quoted, lambda to, text: to.represent_scalar("tag:yaml.org,2002:str", str(text), style='"'))


def _metric(score: Score) -> dict[str, Any]:
    interval = f" ({words.CI} {score.interval})" if score.interval else " (no interval)"
    return {
        "type": METRICS.get(score.key, score.key),
        "value": score.value,
        "name": (score.title + interval).replace(words.THIN, " "),
    }


def escape(text: object) -> Markup:
    """A value as Markdown that shows its characters: no markup, no link, no table, no tag comes of it."""
    if isinstance(text, Markup):
        return text
    plain = str(text).replace(words.THIN, " ")
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = _MARKS.sub(r"\\\1", plain).replace("://", ":&#8203;//").replace("www.", "www&#8203;.")
    return Markup(_FIRST.sub(_begun, plain))


def _begun(match: re.Match[str]) -> str:
    space, mark = match.groups()
    return f"{space}{mark}&#8203;" if mark.isdigit() else f"{space}\\{mark}"


def _said(facts: Facts, candidate: Candidate) -> Said:
    cohort = facts.cohort
    return Said(
        ANSWERS[cohort.task] if cohort else "the class",
        "; ".join(f"{one.name}, {one.words}" for one in cohort.inputs) if cohort and cohort.inputs else NEEDED,
        tuple(_limitations(facts, candidate)),
        _reading(candidate),
        f"From {cohort.source}; split {facts.plan.split}." if cohort else NEEDED,
        _disjoint(facts),
        " ".join(story.spent(facts.board.budget)) if facts.board else "",
        candidate.row.choices if candidate.row else (),
        tuple(_judged(candidate)),
        _explained(candidate),
        _effort(facts),
        _technical(facts),
    )


def _limitations(facts: Facts, candidate: Candidate) -> list[str]:
    found = ["It was tested on records from the same source alone: what it does elsewhere is not known."]
    if facts.board and (ahead := facts.board.warning(candidate.row)):
        found.append(ahead)
    if candidate.audit is None:
        found.append("Groups of patients were not compared: whether it serves some worse is not known.")
    elif warning := candidate.audit.warning:
        found.append(" ".join(warning))
    if candidate.performance and candidate.performance.precision:
        found += candidate.performance.precision.sentences
    if candidate.robustness is None:
        found.append("It was not tested under worse input.")
    else:
        found += candidate.robustness.findings
    if candidate.explanations:
        found += candidate.explanations.shortcuts
    return found


def _reading(candidate: Candidate) -> str:
    told = candidate.performance.calibration if candidate.performance else None
    text = "These are the network's own probabilities. "
    if told is None:
        return (
            text
            + 'Whether they can be believed was not measured. Thresholds, where there are any, lie in card["decision"].'
        )
    if told.mapped:
        text += f"The figures below are of probabilities after {told.title}, fitted on the tuning set: the map lies in "
        text += 'card["calibration"]. '
    else:
        text += "They are read without a map of calibration. "
    return text + 'How they become decisions lies in card["decision"].'


def _disjoint(facts: Facts) -> str:
    cohort = facts.cohort
    if cohort is None or cohort.disjoint is None:
        return "That no patient and no record stands in two sets was not proved."
    counts = "; ".join(f"{proof.count} {proof.what}" for proof in cohort.proofs)
    return f"{'Proved' if cohort.disjoint else 'Not so'}: {counts}."


def _judged(candidate: Candidate) -> list[tuple[str, tuple[str, ...]]]:
    told, audit = candidate.performance, candidate.audit
    found: list[tuple[str, tuple[str, ...]]] = []
    if told and told.calibration:
        found.append(("Probabilities", (told.calibration.sentence,)))
    if told and told.operating:
        found.append(("Operating point", tuple(f"{one.name}: {one.sentence}" for one in told.operating.questions)))
    groups = ("Groups of patients were not compared.",) if audit is None else (audit.sentence, *_gaps(candidate))
    found.append(("Fairness", groups))
    if candidate.robustness:
        found.append(("Worse input", candidate.robustness.findings or ("No finding was recorded.",)))
    return found


def _gaps(candidate: Candidate) -> list[str]:
    audit = candidate.audit
    if audit is None:
        return []
    crossings = {division.key for division in audit.divisions if division.crossing}
    # Of crossings only what is clear: they are many, and the page has them all.
    counted = [
        gap for gap in audit.gaps if audit.counts(gap) and (gap.division not in crossings or gap.word == "beyond")
    ]
    return [f"{gap.title} by {gap.by}, {gap.verdict.word}: {gap.sentence or gap.score.text}" for gap in counted]


def _explained(candidate: Candidate) -> tuple[str, ...]:
    told = candidate.explanations
    if told is None or not told.methods:
        return ("Not done: nothing explains what this model says.",)
    on = f" on {told.tested}" if told.tested else ""
    return tuple(f"{method.title}: tests of the method{on}: {method.verdict.word}." for method in told.methods)


def _effort(facts: Facts) -> str:
    used = facts.board.budget.wall if facts.board else None
    hardware = words.listing([f"{name} {value}" for name, value in facts.origin.hardware])
    text = f"The search took {words.duration(used)}" if used is not None else "How long the search took is not recorded"
    return f"{text}, on: {hardware or 'hardware that is not recorded'}. Energy and emissions: {NEEDED}"


def _technical(facts: Facts) -> tuple[tuple[str, str], ...]:
    origin = facts.origin
    known = (
        ("Recipe (SHA-256)", origin.recipe_digest),
        ("Data (fingerprint)", origin.fingerprint),
        ("Seed", origin.seed),
        ("Code (git)", origin.git),
        ("Versions", ", ".join(f"{name} {version}" for name, version in origin.versions) or None),
    )
    return tuple((name, NEEDED if value is None else str(value)) for name, value in known)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("automed.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (words.integer, words.plural, words.capitalize_first, words.baseline):
        made.filters[function.__name__] = function
    made.filters["md"] = escape
    made.globals.update(story=story, ci=words.CI, NEEDED=NEEDED)
    return made
