"""Sentences of the pages that depend on more than one figure."""

from __future__ import annotations

from automed.report import words
from automed.report.board import Budget
from automed.report.facts import Candidate, Facts, Plan
from automed.report.results import Tested

ENGINES = {"optuna": "Optuna", "keras-tuner": "Keras-Tuner"}
SAMPLERS = {
    "tpe": "the tree-structured Parzen estimator",
    "random": "random sampling",
    "gp": "a Gaussian process",
    "cmaes": "CMA-ES",
    "nsga2": "NSGA-II",
    "hyperband": "random sampling in Hyperband's brackets",
    "bayesian": "a Gaussian process with an upper confidence bound",
    "grid": "a grid",
}
ENGINES = {"optuna": "Optuna", "keras-tuner": "Keras-Tuner"}
PRUNERS = {
    "hyperband": "Hyperband",
    "asha": "asynchronous successive halving",
    "median": "the median rule",
    "none": None,
}


def headline(facts: Facts, candidate: Candidate) -> str | None:
    """The result in one sentence; None where the finalist was not tested."""
    if candidate.results is None:
        return None
    test = candidate.results.test
    score = test.score("macro_f1")
    records = words.plural(test.n, "test record") + of_patients(facts, test.patients)
    tested = f"On {records}, none of them used for training or selection, macro-F1"
    return f"{tested} was {score.text}." if score.value is not None else f"{tested} is {score.text}."


def of_patients(facts: Facts, count: int | None) -> str:
    """The words " of 210 patients", simulated ones of a phantom; nothing where the data name none."""
    if count is None or facts.cohort is None or not facts.cohort.patients_named:
        return ""
    return f" of {words.plural(count, 'simulated patient' if facts.phantom else 'patient')}"


def method(facts: Facts, tested: Tested) -> str:
    """How intervals were made."""
    how = tested.method or "method not recorded"
    drawn = f", {words.integer(tested.resamples)} resamples" if tested.resamples else ""
    text = f"Intervals: {how}{drawn}. n is the number of records."
    if facts.cohort and not facts.cohort.patients_named:
        text += " The data name no patients, so each record counts as a patient of its own: if some are not, these"
        text += " intervals are too narrow."
    return text


def planned(plan: Plan) -> str:
    """What was searched and how, in two sentences."""
    names = words.listing([words.architecture(name) for name in plan.architectures])
    several = "" if len(plan.architectures) == 1 else "s"
    sampler = SAMPLERS.get(plan.sampler, plan.sampler)
    text = f"The search ranged over the architecture{several} {names or 'that suit the inputs'}, with their widths, "
    text += f"depths and training. Candidates were proposed by {sampler} ({ENGINES.get(plan.engine, plan.engine)}), "
    text += "trained for up to "
    text += f"{words.plural(plan.epochs, 'epoch')} and stopped after {plan.patience} without gain"
    pruner = PRUNERS.get(plan.pruner, plan.pruner)
    text += f"; those that fell behind were pruned by {pruner}." if pruner else "; none was pruned."
    return text + " Each was judged by its macro-F1 over the whole tuning set."


def spent(budget: Budget) -> tuple[str, ...]:
    """What the budget bought, and what pruning saved."""
    asked = f" of {words.integer(budget.asked)} allowed" if budget.asked else ""
    states = {
        "trained to the end": budget.finished,
        "pruned": budget.pruned,
        "cut short by the end of the search": budget.interrupted,
        "failed": budget.failed,
    }
    parts = [f"{words.integer(count)} {state}" for state, count in states.items() if count]
    tried = f"{words.plural(budget.tried, 'candidate')}{asked}"
    sentences = [f"{tried}: {words.listing(parts)}." if parts else f"{tried}."]
    if budget.minutes_used is not None:
        limit = f" of {words.duration(budget.minutes_asked * 60)} allowed" if budget.minutes_asked else ""
        sentences.append(f"Time: {words.duration(budget.minutes_used * 60)}{limit}.")
    if budget.epochs is not None:
        sentences.append(f"Training: {words.plural(budget.epochs, 'epoch')}.")
    if (share := budget.saved_share) is not None:
        saved = words.plural(budget.epochs_saved or 0, "epoch")
        sentences.append(
            f"Pruning saved about {saved}, {words.percent(share)} of what would have been trained without it."
        )
    elif budget.pruned == 0:
        sentences.append("Nothing was pruned, so pruning saved nothing.")
    return tuple(sentences)


def looks(facts: Facts) -> str:
    """How often the test set was read; once a finalist is what the rules allow."""
    count, finalists = facts.origin.looks, len(facts.candidates)
    times = {1: "once", 2: "twice"}.get(count, f"{words.integer(count)} times")
    text = f"The test set was read {times} in this run"
    if not count:
        return text + "."
    if count <= finalists:
        return f"{text}: once for each finalist." if finalists > 1 else f"{text}, for its finalist."
    return f"{text} for {words.plural(finalists, 'finalist')}: more than once each, so the test scores may flatter."
