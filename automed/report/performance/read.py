"""evaluation.json as typed view data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automed.report.artefact import read
from automed.report.cohort import Cohort
from automed.report.performance.calibration import Calibration, read_calibration
from automed.report.performance.certainty import Selective, Sets, read_selective, read_sets
from automed.report.performance.comparisons import Comparisons, read_comparisons
from automed.report.performance.failures import Failures, read_failures
from automed.report.performance.operating import Operating, read_operating
from automed.report.performance.precision import Precision, read_precision
from automed.report.results import Score


@dataclass(frozen=True)
class Performance:
    """What was asked of a finalist besides its scores; None where a part has not been done."""

    calibration: Calibration | None
    operating: Operating | None
    sets: Sets | None
    selective: Selective | None
    comparisons: Comparisons | None
    precision: Precision | None
    failures: Failures | None

    @property
    def areas(self) -> dict[str, Score]:
        """AUROC by the name of the question, from the precision panel."""
        figures = self.precision.figures if self.precision else ()
        return {one.of: one.score for one in figures if one.score.key == "auroc"}


def read_performance(file: Path, cohort: Cohort, finalists: Mapping[str, str]) -> Performance | None:
    """The evaluation of one finalist; None where it was not evaluated.

    Args:
        file: evaluation.json.
        cohort: the records of the run.
        finalists: by folder name the name on the page.

    Raises:
        RunError: the file is damaged.
    """
    found = read(file)
    if found is None:
        return None
    return Performance(
        read_calibration(found.part("calibration"), cohort),
        read_operating(found.part("operating"), cohort),
        read_sets(found.part("prediction_sets"), cohort),
        read_selective(found.part("selective"), cohort),
        read_comparisons(found.rows("comparisons"), finalists),
        read_precision(found.part("precision"), cohort),
        read_failures(found.part("failures"), cohort),
    )
