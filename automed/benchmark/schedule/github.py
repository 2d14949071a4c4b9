"""A workflow for GitHub Actions; the history is kept in a branch of its own, since caches and artefacts expire.

Source: GitHub Docs, "Workflow syntax for GitHub Actions": on.schedule (with `timezone`), concurrency, permissions.
"""

from __future__ import annotations

import json
import shlex

from automed.benchmark.schedule.cron import same_zone, zone
from automed.benchmark.schedule.job import Job

PACKAGE = "AUTOMED_PACKAGE"  # what pip installs: an address of a repository or of a wheel
_FOLDER = "FOLDER"

WORKFLOW = """\
# Made by: automed benchmark schedule {name}
# Commit it as {place} on the default branch: GitHub runs schedules from there alone.
{needed}# In a public repository GitHub stops them after 60 days without a commit.
name: automed benchmark {name}
on:
  schedule:
    - cron: {cron}{timezone}
  workflow_dispatch:
concurrency:  # one run of this suite at a time; one that is due meanwhile waits
  group: {unit}
  cancel-in-progress: false
permissions:
  contents: write  # the history is pushed to the branch {unit}
jobs:
  benchmark:
{runner}
    env:
      BRANCH: {unit}{environment}
    defaults:
      run:
        shell: bash
    steps:
      - uses: actions/checkout@v5
      - uses: actions/setup-python@v6
        with:
          python-version: "3.12"
      - name: Install automed
        run: python -m pip install {install}
      - name: Take up the history
        id: history
        run: |
          mkdir -p "$RUNNER_TEMP/benchmarks/{name}"
          found=0
          git ls-remote --exit-code --heads origin "$BRANCH" > /dev/null || found=$?
          if [ "$found" -eq 0 ]; then
            git fetch --depth=1 origin "$BRANCH"
            git archive FETCH_HEAD | tar -x -C "$RUNNER_TEMP/benchmarks/{name}"
          elif [ "$found" -ne 2 ]; then
            exit "$found"  # not "there is no such branch": a new history now would overwrite the old one
          fi
      - name: Run the suite
{limit}        run: |
          {command}
      - name: Keep the history
        if: always() && steps.history.outcome == 'success'
        run: |
          cd "$RUNNER_TEMP/benchmarks/{name}"
          test -e history.sqlite || exit 0
          export GIT_DIR="$GITHUB_WORKSPACE/.git" GIT_WORK_TREE="$PWD" GIT_INDEX_FILE="$RUNNER_TEMP/history-index"
          rm -f "$GIT_INDEX_FILE"
          git add --force history*.sqlite*
          commit=$(git -c user.name=automed -c user.email=automed@localhost \\
            commit-tree "$(git write-tree)" -m "History of the suite {name}")
          git push --force origin "$commit:refs/heads/$BRANCH"
      - name: Keep the page
        if: always()
        uses: actions/upload-artifact@v5
        with:
          name: {unit}
          path: ${{{{ runner.temp }}}}/benchmarks/{name}/index.html
          if-no-files-found: ignore
"""
NEEDED = """\
# Set under Settings, Secrets and variables, Actions, Variables: {names}.
"""
HOSTED = """\
    runs-on: ubuntu-latest"""
OWN = """\
    # Patients' data stay where they are: a runner of your own, with the data in the folders named below.
    runs-on: [self-hosted, linux]
    timeout-minutes: 2880"""
# A hosted job ends after six hours, and the history must be kept before.
LIMIT = "        timeout-minutes: 330  # when it is cut, the next run goes on there\n"


def render(job: Job) -> dict[str, str]:
    """The text of the workflow, by its path in a repository."""
    place = f".github/workflows/{job.unit}.yml"
    top = next((folder for folder in (job.here, *job.here.parents) if (folder / ".git").exists()), job.here)
    source = job.source
    if not job.shipped and job.file.is_relative_to(top):
        source = job.file.relative_to(top).as_posix()
    # The shell fills in its folder, so that word alone is not put into single quotes.
    words = ["automed", *job.arguments(source, _FOLDER)]
    command = " ".join('"$RUNNER_TEMP/benchmarks"' if word == _FOLDER else shlex.quote(word) for word in words)
    own = (top / "automed" / "benchmark" / "suite.py").is_file()
    variables = [*([] if own else [PACKAGE]), *job.variables]
    text = WORKFLOW.format(
        name=job.name,
        unit=job.unit,
        place=place,
        cron=_quoted(job.cron.text),
        timezone="  # UTC" if same_zone(job.cron.zone, zone("UTC")) else f"\n      timezone: {job.cron.zone.key}",
        environment="".join(f"\n      {name}: ${{{{ vars.{name} }}}}" for name in variables)
        + "".join(f"\n      {name}: {_quoted(value)}" for name, value in job.settings.items()),
        needed=NEEDED.format(names=", ".join(variables)) if variables else "",
        runner=OWN if job.variables else HOSTED,
        limit="" if job.variables else LIMIT,
        install="." if own else f'"${PACKAGE}"',
        command=command,
    )
    return {place: text}


def _quoted(text: str) -> str:
    """A text as YAML, in double quotes: what JSON writes is YAML too."""
    return json.dumps(text, ensure_ascii=False)
