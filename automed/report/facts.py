"""A run as its pages show it: artefacts -> typed, frozen view data that know no HTML."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from automed.errors import AutomedError, RunError
from automed.recipe import Recipe, load
from automed.report import words
from automed.report.artefact import Part, damaged, read
from automed.report.audit.mitigation import Mitigation, read_mitigation
from automed.report.audit.read import Audit, read_audit
from automed.report.audit.selection import Selection, read_selection
from automed.report.board import Board, Curve, Failure, Row, read_board, read_curves, read_failures
from automed.report.cohort import Cohort, read_cohort
from automed.report.examples import Group, read_examples
from automed.report.explanations.read import Explanations, read_explanations
from automed.report.found.importance import Importance, read_importance
from automed.report.found.making import Making, read_making
from automed.report.label.source import Source, read_source
from automed.report.performance.read import Performance, read_performance
from automed.report.performance.robustness import Robustness, read_robustness
from automed.report.records.groups import Groups, read_groups
from automed.report.results import METRICS, OF_RANKS, Results, read_results
from automed.report.review.read import Expected, Reviews, read_reviews
from automed.report.review.subject import Subject, read_subject
from automed.run import Finalist, Run, read_json_lines


@dataclass(frozen=True)
class Status:
    """How the run ended; `sentence` is None where it ended as meant."""

    word: str
    sentence: str | None


@dataclass(frozen=True)
class Plan:
    """What the recipe asked for."""

    name: str
    title: str
    intended_use: str
    out_of_scope: str
    architectures: tuple[str, ...]
    engine: str
    sampler: str
    pruner: str
    epochs: int
    patience: int
    split: str
    class_weights: str = ""
    language: str = "en"


@dataclass(frozen=True)
class Origin:
    """Where the figures come from: everything that is needed to make them again."""

    started: str | None
    ended: str | None
    command: str | None
    seed: int | None
    recipe_digest: str | None
    fingerprint: str | None
    git: str | None
    versions: tuple[tuple[str, str], ...]
    hardware: tuple[tuple[str, str], ...]
    looks: int
    ledger: str  # in words
    ledger_intact: bool
    making: Making | None = None

    @property
    def automed(self) -> str:
        return dict(self.versions).get("automed", "unknown")


@dataclass(frozen=True)
class Candidate:
    """One finalist with everything its page shows; None and empty where a stage has not been done."""

    rank: int
    name: str
    architecture: str
    href: str  # of its page, from the run folder
    row: Row | None
    results: Results | None
    examples: tuple[Group, ...]
    explanations: Explanations | None
    performance: Performance | None
    audit: Audit | None
    mitigation: Mitigation | None
    robustness: Robustness | None
    model: bool = False  # whether the file of the model is there
    subject: Subject | None = None  # what can be reviewed
    expected: Expected = field(default_factory=Expected)  # readers
    reviews: Reviews | None = None

    @property
    def number(self) -> int | None:
        return self.row.number if self.row else None


@dataclass(frozen=True)
class Facts:
    """All that the pages of one run show."""

    folder: str
    status: Status
    plan: Plan
    cohort: Cohort | None
    board: Board | None
    failures: tuple[Failure, ...]
    curves: tuple[Curve, ...]
    candidates: tuple[Candidate, ...]
    selection: Selection | None
    origin: Origin
    source: Source
    groups: Groups | None
    importance: Importance | None = None

    @property
    def title(self) -> str:
        return self.plan.title or self.plan.name

    @property
    def labelled(self) -> bool:
        """Whether a record may bear several labels, rather than being of one class."""
        return self.cohort is not None and self.cohort.labelled

    @property
    def ordinal(self) -> bool:
        """Whether the classes are ranks."""
        return self.cohort is not None and self.cohort.task == "ordinal"

    @property
    def noun(self) -> str:
        """What the pages call a class."""
        return (words.LABEL if self.labelled else words.CLASS)[0]

    @property
    def nouns(self) -> str:
        """What the pages call classes."""
        return (words.LABEL if self.labelled else words.CLASS)[1]

    @property
    def tiles(self) -> tuple[str, ...]:
        """The metrics at the top of a report."""
        return ("macro_f1", "qwk" if self.ordinal else "balanced_accuracy", "auroc")

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those that suit the task, in the order of the pages."""
        return tuple(key for key in METRICS if self.ordinal or key not in OF_RANKS)

    @property
    def phantom(self) -> bool:
        return self.cohort is not None and self.cohort.phantom


STATUSES = {
    "done": None,
    "interrupted": (
        "This run was interrupted before the search had used its budget. What follows is the best of what was finished "
        "by then; more search may find better models."
    ),
    "running": "This run had not ended when this page was written. What follows may change.",
    "failed": "This run failed. What follows is what was finished before.",
}
SPLITS = {
    "patient": "by patient: all records of one patient are in the same set",
    "record": "by record, for the data name no patients",
    "column": "by a column of the data",
    "time": "by time: older records train, newer ones test",
    "site": "by site: the sites of the test set are in no other set",
    "scaffold": "by scaffold: molecules of one scaffold are in the same set",
    "official": "as the source of the data gives it",
}


def gather(run: Run) -> Facts:
    """Read everything a run left behind.

    Raises:
        RunError: names the first artefact that is damaged; one that is missing is no error.
    """
    recipe = _recipe(run)
    cohort = read_cohort(run)
    board = read_board(run)
    finalists = run.finalists()
    names = {one.name: f"{rank}. {_architecture(one)}" for rank, one in enumerate(finalists, 1)}
    return Facts(
        run.folder.resolve().name,
        _status(run),
        _plan(recipe, patients_named=cohort.patients_named if cohort else True),
        cohort,
        board,
        read_failures(run),
        read_curves(run, board),
        tuple(
            _reviewed(_candidate(rank, finalist, board, cohort, names), finalist, cohort, recipe)
            for rank, finalist in enumerate(finalists, 1)
        ),
        read_selection(run),
        _origin(run, recipe),
        source := read_source(recipe),
        read_groups(run, cohort, source.site),
        read_importance(run),
    )


def _architecture(finalist: Finalist) -> str:
    return words.architecture(finalist.name.partition("-")[2] or finalist.name)


def _candidate(
    rank: int, finalist: Finalist, board: Board | None, cohort: Cohort | None, names: dict[str, str]
) -> Candidate:
    folder = f"models/{finalist.name}"
    row = next((row for row in (board.trials if board else ()) if row.folder == folder), None)
    return Candidate(
        rank,
        finalist.name,
        _architecture(finalist),
        f"{folder}/{finalist.report.name}",
        row,
        read_results(finalist.scores, cohort) if cohort else None,
        read_examples(finalist.examples, cohort) if cohort else (),
        read_explanations(finalist, cohort) if cohort else None,
        read_performance(finalist.evaluation, cohort, names) if cohort else None,
        read_audit(finalist.audit, cohort) if cohort else None,
        read_mitigation(finalist.mitigation, cohort) if cohort else None,
        read_robustness(finalist.robustness),
        finalist.model.is_file(),
    )


def _reviewed(candidate: Candidate, finalist: Finalist, cohort: Cohort | None, recipe: Recipe) -> Candidate:
    """The candidate with what can be reviewed, and what came of it."""
    expected = Expected(recipe.report.reviewers)
    if cohort is None:
        return replace(candidate, expected=expected)
    subject = read_subject(finalist, cohort, candidate.explanations, candidate.examples)
    reviews = read_reviews(finalist, cohort, subject, expected)
    return replace(candidate, subject=subject, expected=expected, reviews=reviews)


def _recipe(run: Run) -> Recipe:
    try:
        return load(run.recipe)
    except AutomedError as problem:
        raise RunError(f"is damaged: {problem.what}", where=str(run.recipe), hint=problem.hint) from problem


def _plan(recipe: Recipe, *, patients_named: bool) -> Plan:
    by = recipe.split.by if recipe.split.by != "patient" or patients_named else "record"
    return Plan(
        words.clean(recipe.name),
        words.clean(recipe.title),
        words.clean(recipe.intended_use).strip(),
        words.clean(recipe.out_of_scope).strip(),
        recipe.search.architectures,
        recipe.search.engine,
        recipe.search.sampler,
        recipe.search.pruner,
        recipe.train.epochs,
        recipe.train.patience,
        SPLITS.get(by, f"by {words.label(by)}"),
        recipe.train.class_weights,
        recipe.report.language,
    )


def _status(run: Run) -> Status:
    manifest = _manifest(run)
    word = manifest.text("status") or "unknown"
    sentence = STATUSES.get(word, f"How this run ended is not recorded (status: {word}).")
    if word == "failed" and (reason := manifest.text("reason")):
        sentence = f"This run failed: {reason.rstrip('.')}. What follows is what was finished before."
    return Status(word, sentence)


def _origin(run: Run, recipe: Recipe) -> Origin:
    manifest = _manifest(run)
    named = manifest.part("recipe")
    looks, ledger, intact = _ledger(run)
    return Origin(
        manifest.text("started"),
        manifest.text("ended"),
        manifest.text("command"),
        manifest.count("seed"),
        named.text("digest"),
        manifest.text("data_fingerprint"),
        manifest.text("git"),
        tuple(manifest.part("versions").plain().items()),
        tuple((words.label(key), value) for key, value in manifest.part("hardware").plain().items()),
        looks,
        ledger,
        intact,
        read_making(run, recipe),
    )


def _ledger(run: Run) -> tuple[int, str, bool]:
    """Looks at the test set, and whether the chain of hashes holds."""
    if not run.ledger.is_file():
        return 0, "There is no ledger: how often the test set was read is not recorded.", False
    if run.ledger.stat().st_size and not read_json_lines(run.ledger):
        raise damaged(run.ledger, "no line of it can be read")
    try:
        looks = run.looks_at_test()
        lines = run.verify_ledger()
    except RunError as problem:
        # A page that says so serves better than no page: the other artefacts are whole.
        return looks, f"The ledger has been altered: {words.sentence(problem.what)}", False
    except (AttributeError, KeyError, TypeError) as problem:
        raise damaged(run.ledger, "it is no ledger") from problem
    return (
        looks,
        f"The ledger's {words.plural(lines, 'line')} follow from one another: none was changed or removed.",
        True,
    )


def _manifest(run: Run) -> Part:
    manifest = read(run.manifest)
    if manifest is None:
        raise RunError("is missing", where=str(run.manifest), hint="This is no run folder: automed runs list.")
    return manifest
