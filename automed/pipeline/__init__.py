"""The whole story: prepare, search, make finalists, judge, explain, audit, report.

Every stage reads files and writes files; a run that was cut starts again at the first artefact that is missing.
`searching` conducts it; `judging` and `explaining` are its later stages, which are verbs of their own as well.
"""

from automed.pipeline.explaining import Explained, Explaining, explain, explain_elsewhere
from automed.pipeline.judging import Auditing, audit, audit_elsewhere
from automed.pipeline.searching import Outcome, check, inspect, reopen, search, start

__all__ = [
    "Auditing",
    "Explained",
    "Explaining",
    "Outcome",
    "audit",
    "audit_elsewhere",
    "check",
    "explain",
    "explain_elsewhere",
    "inspect",
    "reopen",
    "search",
    "start",
]
