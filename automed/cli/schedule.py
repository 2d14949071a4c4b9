"""The verb `automed benchmark schedule`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from automed.cli import console, options
from automed.cli.benchmark import BENCHMARKS, Folder, Gate, Hook, Pythons, Suite

if TYPE_CHECKING:
    from automed.benchmark.schedule.job import Job

BY_HAND = {
    "systemd": "Write the two files into ~/.config/systemd/user, or give --install.",
    "crontab": "Add the line with crontab -e, or give --install.",
    "github": "Print it with --for github > .github/workflows/FILE.yml, and commit that file.",
    "k8s": "Print it with --for k8s | kubectl apply --filename -",
}
_SHOWN = 3  # next times


def complete_target(incomplete: str) -> list[tuple[str, str]]:
    """Schedulers with a line about each, for the shell's completion."""
    from automed.benchmark.schedule import TARGETS

    return [(name, entry.summary) for name, entry in TARGETS.items() if name.startswith(incomplete)]


def schedule(
    suite: Suite,
    cron: Annotated[
        str | None,
        typer.Option(
            metavar="EXPRESSION",
            help="When: minute, hour, day of month, month, day of week, as cron reads them; or @weekly and its like.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="SCHEDULER",
            help="Whose words to print it in: systemd, crontab, github or k8s.",
            autocompletion=complete_target,
        ),
    ] = "systemd",
    install: Annotated[
        bool, typer.Option("--install", help="Install it for this user: systemd or crontab. Twice is as once.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take away what --install has put there.")] = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Run the suite at its times from here, until Ctrl-C or SIGTERM.")
    ] = False,
    timezone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Time zone that the times are meant in, as Europe/Berlin or UTC.",
            show_default="this machine's",
        ),
    ] = None,
    hook: Hook = None,
    gate: Gate = False,
    python: Pythons = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="Container that holds automed, for k8s.", show_default="automed:VERSION"),
    ] = None,
    folder: Folder = BENCHMARKS,
    json: options.Json = False,
) -> None:
    """Bring a suite back at set times: print a unit for a scheduler, install
    it, or run the suite from here.

    What is printed names this interpreter, the suite and the folder of its
    history by absolute paths, and holds the environment variables that the
    suite's recipes read. Two runs of a suite never overlap. The hook is told
    every verdict; where it fails, the benchmark stands.

    [bold]Examples[/bold]

      automed benchmark schedule medical --cron "0 3 * * 1" --install
      automed benchmark schedule medical --cron "0 3 * * 1" --for crontab
      automed benchmark schedule smoke --cron @daily --foreground --hook ./tell.sh
      automed benchmark schedule medical --remove
    """
    from automed.benchmark.schedule import INSTALLERS, TARGETS
    from automed.benchmark.schedule import cron as crons
    from automed.benchmark.schedule import job as jobs
    from automed.errors import UsageError
    from automed.runtime import environ

    if install + remove + foreground > 1:
        raise UsageError("--install, --remove and --foreground exclude each other")
    if foreground and json:
        raise UsageError("--foreground has nothing to print as JSON", hint="--hook is told every verdict as JSON.")
    render = TARGETS.load(target)
    if (install or remove) and target not in INSTALLERS:
        what = "--install" if install else "--remove"
        raise UsageError(f"{what} cannot reach into {target}", hint=BY_HAND[target])
    if remove:
        _remove(suite, target, json=json)
        return
    if cron is None:
        raise UsageError("--cron is missing", hint='For example --cron "0 3 * * 1", Mondays at 3.')
    made = jobs.make(
        suite,
        crons.read(cron, timezone),
        parent=folder,
        environ=environ(),
        hook=hook,
        pythons=tuple(python or ()),
        gate=gate,
        image=image,
    )
    if foreground:
        _serve(made)
        return
    texts = render(made)
    said = INSTALLERS.load(target)(environ()).install(made) if install else None
    _show(made, target, texts, said, json=json)


def _show(job: Job, target: str, texts: dict[str, str], said: str | None, *, json: bool) -> None:
    """The units, and the next times, without which nobody sees that a field was mistaken for another."""
    times = job.cron.next(_SHOWN)
    if json:
        console.emit(
            {
                "suite": job.name,
                "for": target,
                "cron": job.cron.text,
                "timezone": job.cron.zone.key,
                "next": [time.isoformat() for time in times],
                "installed": said is not None,
                "files": texts,
            }
        )
        return
    if said is None:
        for name, text in texts.items():
            console.say(f"# {name}\n{text}" if len(texts) > 1 else text.rstrip("\n"))
        console.tell(BY_HAND[target])
    else:
        console.say(said)
    shown = ", ".join(f"{time:%a %Y-%m-%d %H:%M}" for time in times)
    console.tell(f"next runs, {job.cron.zone.key}: {shown}")


def _remove(suite: str, target: str, *, json: bool) -> None:
    from automed.benchmark import suite as suites
    from automed.benchmark.schedule import INSTALLERS
    from automed.errors import UsageError
    from automed.runtime import environ

    try:
        name = suites.load(suite, environ=environ()).name
    except UsageError:
        # Whose file is gone must still be removable, by its name.
        if not suite.replace("-", "").replace("_", "").isalnum():
            raise
        name = suite
    removed = INSTALLERS.load(target)(environ()).remove(name)
    if json:
        console.emit({"suite": name, "for": target, "removed": removed})
    else:
        console.say(f"{name} is removed from {target}" if removed else f"{target} has nothing of {name}")


def _serve(job: Job) -> None:
    from automed.benchmark.schedule import foreground
    from automed.events import Event, Note

    job.environment()  # what is not set is told now, and not at night

    def tell(event: Event) -> None:
        if isinstance(event, Note):
            console.tell(f"warning: {event.text}" if event.warning else event.text)

    foreground.serve(job.command(), job.cron, job.folder, environment=job.environ, listen=tell)
