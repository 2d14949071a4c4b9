"""All checks of all methods, and the verdict on each method."""

from __future__ import annotations

from automed.errors import AutomedError
from automed.explain.validation import CHECKS
from automed.explain.validation.subject import Trial
from automed.explain.validation.verdict import UNDECIDED, Finding, Verdict, overall

COUNTING = ("skill", "faithfulness", "randomisation", "stability")  # what trust in a method rests on
LIMITS = "It was not done, so it shows nothing."


def validate(trial: Trial) -> dict[str, tuple[Verdict, tuple[Finding, ...]]]:
    """Test the methods on the cases.

    What this costs is set by what the caller fills in: `trial.methods[name](subject, records, classes, seed)` is called
    once for each of three stages of random weights, for up to two further seeds and for noise, with up to eight records
    each time. A method that is slow at full precision (Shapley values of players, LIME) should therefore be given fewer
    samples there than in `trial.attributions`, yet the same parts and as many samples as its map needs to be stable:
    too few are seen as what they are, instability. `trial.attributions` hold all the cases, in order, with
    `trial.seed`.

    Args:
        trial: the model, the cases, and the methods with their explanations of all the cases.

    Returns:
        By method its verdict, the worst of the checks that count, and the findings of all checks. A check that cannot
        be done is undecided and says why.
    """
    findings: dict[str, list[Finding]] = {name: [] for name in trial.attributions}
    for check in CHECKS:
        for name, finding in _checked(check, trial).items():
            findings[name].append(finding)
    return {name: (overall(found), tuple(found)) for name, found in findings.items()}


def _checked(check: str, trial: Trial) -> dict[str, Finding]:
    try:
        found: dict[str, Finding] = CHECKS.load(check)(trial)
    except AutomedError as error:
        sentence = f"This could not be checked: {error.what}."
        return {
            name: Finding(check, UNDECIDED, sentence, {}, LIMITS, counts=check in COUNTING)
            for name in trial.attributions
        }
    return found
