"""Bringing a suite back: units for other schedulers, printed or installed, or a scheduler of our own in the foreground.

`cron` reads the times, `job` says what is run, and one module a scheduler writes it down in that scheduler's words.
"""

from automed.registry import Entry, Table

TARGETS = Table(
    "scheduler",
    {
        "systemd": Entry("automed.benchmark.schedule.systemd:render", "A timer and its service, for systemd."),
        "crontab": Entry("automed.benchmark.schedule.crontab:render", "One line for cron."),
        "github": Entry("automed.benchmark.schedule.github:render", "A workflow for GitHub Actions."),
        "k8s": Entry("automed.benchmark.schedule.kubernetes:render", "A CronJob for Kubernetes."),
    },
)
INSTALLERS = Table(
    "scheduler that automed can install into",
    {
        "systemd": Entry("automed.benchmark.schedule.systemd:Units", "The user's own units."),
        "crontab": Entry("automed.benchmark.schedule.crontab:Crontab", "The user's own crontab."),
    },
)
LATE = 12 * 3600  # seconds by which a run may begin late; one that is later waits for its next time
