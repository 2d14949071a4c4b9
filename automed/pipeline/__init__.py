"""The whole story: prepare, search, make finalists, judge, explain, audit, report.

Every stage reads files and writes files; a run that was cut starts again at the first artefact that is missing.
`searching` conducts it; `judging` and `explaining` are its later stages, which are verbs of their own as well.
"""

from automed.pipeline.comparing import Comparing, compare
from automed.pipeline.explaining import Explained, Explaining, explain, explain_elsewhere
from automed.pipeline.judging import Auditing, audit, audit_elsewhere
from automed.pipeline.reviewing import Imported, import_reviews
from automed.pipeline.searching import Outcome, check, inspect, reopen, search, start

__all__ = [
    "Auditing",
    "Comparing",
    "Explained",
    "Explaining",
    "Imported",
    "Outcome",
    "audit",
    "audit_elsewhere",
    "check",
    "compare",
    "explain",
    "explain_elsewhere",
    "import_reviews",
    "inspect",
    "reopen",
    "search",
    "start",
]
