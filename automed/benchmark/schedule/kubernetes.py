"""A CronJob for Kubernetes, with a volume that keeps the history and one that holds the data.

Source: Kubernetes documentation, "CronJob" (batch/v1; timeZone since 1.27) and "Pod failure policy" (since 1.31).
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import yaml

from automed.benchmark.schedule import LATE
from automed.benchmark.schedule.job import Job
from automed.errors import UsageError

REPORTS = "/reports"
DATA = "/data"
SUITE = "/suite"
MEMORY_GB = 8.0  # where the suite says nothing
SPARE_GB = 1.0  # for the process that runs the cells
CORES = 2
USER = 10001  # no user of the machine's
LONGEST = 52  # signs of a CronJob's name: Kubernetes adds eleven for each run
_FOLDER = "AUTOMED_DATA"  # a folder, even where it is not set here
_HEAD = """\
# Made by: automed benchmark schedule {name}
# kubectl apply --filename THIS_FILE; once at any time: kubectl create job --from=cronjob/{unit} {unit}-now
# Look at first: the image (it must hold automed), the sizes of the volumes{data}.
"""


def render(job: Job) -> dict[str, str]:
    """The text of all objects in one file, by its name.

    Raises:
        UsageError: one of the texts is larger than a ConfigMap takes.
    """
    unit = _name(job)
    files = job.files()
    volumes: list[dict[str, Any]] = [
        {"name": "reports", "persistentVolumeClaim": {"claimName": f"{unit}-reports"}},
        {"name": "scratch", "emptyDir": {}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "reports", "mountPath": REPORTS},
        {"name": "scratch", "mountPath": "/tmp"},
    ]
    objects = [_claim(f"{unit}-reports", "ReadWriteOnce", "20Gi")]
    source = job.source
    if files:
        keys = {place: f"file-{number}" for number, place in enumerate(files)}
        objects.append(_texts(unit, job, keys))
        items = [{"key": key, "path": place} for place, key in keys.items()]
        volumes.append({"name": "suite", "configMap": {"name": f"{unit}-suite", "items": items}})
        mounts.append({"name": "suite", "mountPath": SUITE, "readOnly": True})
        source = f"{SUITE}/{next(place for place, file in files.items() if file == job.file)}"
    if job.variables:
        claim = {"claimName": "automed-data", "readOnly": True}
        volumes.append({"name": "data", "persistentVolumeClaim": claim})
        mounts.append({"name": "data", "mountPath": DATA, "readOnly": True})
    environment = {
        "AUTOMED_CACHE": f"{REPORTS}/cache",
        "HOME": "/tmp",
        **_variables(job),
        **{name: value for name, value in job.settings.items() if name == "KERAS_BACKEND"},
    }
    container = {
        "name": "benchmark",
        "image": job.image,
        "command": ["python", "-m", "automed"],
        "args": [_literal(word) for word in job.arguments(source, f"{REPORTS}/benchmarks")],
        "env": [{"name": name, "value": _literal(value)} for name, value in environment.items()],
        "resources": _resources(job),
        "volumeMounts": mounts,
        # What the first process of a container is sent at its end, it does not hear; this it does.
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", "kill -INT 1"]}}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    objects.append(_cronjob(unit, job, container, volumes))
    data = " and, for patients' data, the claim automed-data, which is yours" if job.variables else ""
    head = _HEAD.format(name=job.name, unit=unit, data=data)
    texts = [yaml.safe_dump(one, sort_keys=False, allow_unicode=True, width=120) for one in objects]
    return {f"{unit}.yaml": head + "---\n".join(texts)}


def _variables(job: Job) -> dict[str, str]:
    """Folders become places in the volume of the data; other values stay as they are here."""
    folders = [name for name in job.variables if name == _FOLDER or Path(job.environ.get(name) or ".").is_dir()]
    places = {name: DATA if len(folders) == 1 else f"{DATA}/{name}" for name in folders}
    return {name: places.get(name) or job.environ[name] for name in job.variables}


def _name(job: Job) -> str:
    """A name as Kubernetes takes them: small letters, digits and hyphens, not too long."""
    name = job.unit.lower().replace("_", "-").strip("-")
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9].rstrip('-')}-{hashlib.sha256(job.name.encode()).hexdigest()[:8]}"


def _claim(name: str, mode: str, size: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": [mode], "resources": {"requests": {"storage": size}}},
    }


def _texts(unit: str, job: Job, keys: dict[str, str]) -> dict[str, Any]:
    data = {keys[place]: file.read_text(encoding="utf-8") for place, file in job.files().items()}
    if sum(len(text.encode()) for text in data.values()) > 1_000_000:
        raise UsageError("the suite and its recipes are larger than a ConfigMap takes (1 MB)", where=job.source)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{unit}-suite"}, "data": data}


def _resources(job: Job) -> dict[str, Any]:
    budget = job.suite.budget
    memory = f"{math.ceil(1000 * ((budget.memory_gb or MEMORY_GB) + SPARE_GB))}M"
    cores = str(budget.cores or CORES)
    # As much as is asked for and no more: a neighbour's work changes seconds and, under a budget in minutes, scores.
    return {"requests": {"cpu": cores, "memory": memory}, "limits": {"cpu": cores, "memory": memory}}


def _cronjob(unit: str, job: Job, container: dict[str, Any], volumes: list[dict[str, Any]]) -> dict[str, Any]:
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 120,
        "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
        "containers": [container],
        "volumes": volumes,
    }
    verdicts = {
        "action": "FailJob",
        "onExitCodes": {"containerName": "benchmark", "operator": "In", "values": [2, 3, 4, 5]},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": unit},
        "spec": {
            "schedule": job.cron.text,
            "timeZone": job.cron.zone.key,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": LATE,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "spec": {
                    # A run that was cut goes on where it was; one that has come to its verdict is not run again.
                    "backoffLimit": 2,
                    "podFailurePolicy": {"rules": [verdicts]},
                    "template": {"metadata": {"labels": {"app": unit}}, "spec": pod},
                }
            },
        },
    }


def _literal(text: str) -> str:
    """Kubernetes fills in $(NAME); twice the dollar means itself."""
    return text.replace("$(", "$$(")
