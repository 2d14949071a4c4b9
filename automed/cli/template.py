"""The text of a new recipe: commented YAML that passes `automed recipe check` as it is."""

from __future__ import annotations

from collections.abc import Sequence

from automed.errors import UsageError

# Of each kind of input the sources that a recipe can be written for; `events` is a signal of irregular observations.
KINDS = {
    "image": ("table", "folder", "npz", "medmnist", "phantom"),
    "signal": ("table", "phantom"),
    "events": ("table", "sample"),
    "text": ("table", "phantom"),
    "sequence": ("table", "phantom"),
    "tabular": ("table", "sample"),
}

_HEAD = """\
# automed search {file}
# about ? minutes on ? CPU cores; expect test macro-F1 near ?      (write here what you measured)
name: {name}
title: {title}
intended_use: ""               # who uses the model, on whom, for which decision; shown on every report
out_of_scope: ""               # on whom it must not be used

"""

_DATA = {
    "table": """\
data:
  source: table                # one row a record in a csv, tsv or parquet file; files of images and signals beside it
  root: .                      # where the data lie: a path (from this file), or ${{VARIABLE}}/folder
  table: records.csv
  target: label                # the column with the reference standard
  patient: patient_id          # the column that must not be in two splits; a lesion id will do
  sensitive: []                # columns to audit, as in [sex, age_band]
  outcomes: []                 # columns known only afterwards, as in [length_of_stay]: the check keeps them out
  # task: multilabel           # several labels in one cell, separated by ; (or ordinal: classes with an order)
  # bands:                     # cut a number into groups: ages 0-39, 40-59, 60 and over
  #   age_band: {{column: age, edges: [0, 40, 60]}}
  # classes:                   # order and display names; urgent ones are those that must not be missed
  #   benign: Benign
  #   malignant: {{name: Malignant, urgent: true}}
""",
    "folder": """\
data:
  source: folder               # one folder a class, with or without train, val and test folders on top
  root: images                 # where the data lie: a path (from this file), or ${{VARIABLE}}/folder
  # patient: '^([A-Za-z0-9]+)_'  # the first group of this expression finds the patient in a file's name
  # classes:                   # order and display names; urgent ones are those that must not be missed
  #   benign: Benign
  #   malignant: {{name: Malignant, urgent: true}}
""",
    "npz": """\
data:
  source: npz                  # train_images, train_labels, val_..., test_...; or images and labels
  root: .                      # where the data lie: a path (from this file), or ${{VARIABLE}}/folder
  file: data.npz
  # classes:                   # keys are the labels in the file; order, display names, which are urgent
  #   "0": Benign
  #   "1": {{name: Malignant, urgent: true}}
""",
    "medmnist": """\
data:
  source: medmnist             # fetched once into the cache, and checked
  name: breastmnist
  size: 28                     # 28, 64, 128 or 224
  # root: downloads            # a folder where the file may lie already
""",
    "phantom": """\
data:
  source: phantom              # synthetic records with a known answer; no patients
  phantom: {phantom}
  records: 2000
  difficulty: 0.5              # 0 easy, 1 hard
  shortcut: 0.0                # above 0: an artefact that goes with one class
  disadvantage: 0.0            # above 0: a weaker sign in one group
""",
}

_SAMPLE = """\
data:
  source: sample               # real records that come with a package
  sample: {sample}
"""

_INPUTS = {
    "image": """\
  image: {{kind: image, column: path, size: [64, 64], channels: 3}}   # the column with each record's file, below root
""",
    "signal": """\
  signal:                      # the column with each record's csv, npy, WFDB or DICOM file, below root; or
    kind: signal               # array: signals.npz:X, or columns: with one a step
    column: signal_file
    rate: 100                  # steps a second
    # length: 1000             # steps; shorter records are padded and masked
    # average: 1               # steps that become one
""",
    "events": """\
  course:                      # observations at any time, one a row: record, time, variable, value
    kind: signal
    events:
      table: observations.csv
      record: record_id        # which record of the table above a row belongs to
      time: minute
      bin: 60                  # in units of `time`
      length: 48               # bins from the record's start
      # missing: [-1]          # values that stand for nothing
""",
    "text": """\
  note: {{kind: text, column: note, vocabulary: 20000, length: 256}}   # tokenizer: words, wordpiece or bpe
""",
    "sequence": """\
  sequence: {{kind: sequence, column: sequence, alphabet: dna}}   # dna, protein or smiles
""",
    "tabular": """\
  patient: {{kind: tabular, columns: [age, sex], categories: [sex]}}   # missing: [-1] where a number stands for nothing
""",
}

# What the sources draw or hold that read no columns.
_DRAWN = {
    "image": """\
  image: {{kind: image, size: [{size}, {size}], channels: {channels}}}
""",
    "signal": """\
  ecg: {{kind: signal, length: 1000, rate: 100}}
""",
    "text": """\
  note: {{kind: text, vocabulary: 2000, length: 128}}
""",
    "sequence": """\
  window: {{kind: sequence, alphabet: dna, length: 120}}
""",
    "events": """\
  course: {{kind: signal, events: {{table: pbcseq, record: id, bin: 182.5, length: 8}}}}   # half-years up to the visit
""",
    "tabular": """\
  nuclei: {{kind: tabular, columns: [mean radius, mean texture, mean perimeter, mean area, mean smoothness]}}
""",
}
_PHANTOM = {"image": "dermoscopy", "signal": "ecg", "text": "notes", "sequence": "dna"}
_PUBLIC = {"events": "pbcseq", "tabular": "breast_cancer"}

_SPLIT = {
    "table": """\
split: {{by: patient, fractions: {{train: 0.7, validation: 0.15, test: 0.15}}, seed: 0}}
# or {{by: column, column: part}}, {{by: time, column: date}}, {{by: site, column: hospital}}
""",
    "folder": """\
split: {{by: patient, fractions: {{train: 0.7, validation: 0.15, test: 0.15}}, seed: 0}}
# or {{by: official}} where the folders train, val and test are there
""",
    "npz": """\
split: {{by: official}}          # the split in the file; without one: {{by: patient}}
""",
    "medmnist": """\
split: {{by: official}}          # MedMNIST's own; see automed data check before you trust it
""",
    "phantom": """\
split: {{by: patient, fractions: {{train: 0.7, validation: 0.15, test: 0.15}}, seed: 0}}
""",
    "sample": """\
split: {{by: patient, fractions: {{train: 0.7, validation: 0.15, test: 0.15}}, seed: 0}}
""",
}

_TAIL = """\

search:
  engine: optuna               # or keras-tuner
  trials: 20
  minutes: 10                  # the first of trials and minutes that is reached ends the search
  finalists: 3                 # kept whole and tested
  # architectures: [{architectures}]   # those that suit, where none are named
train:
  epochs: 30
  patience: 6
  class_weights: balanced      # root lifts rare classes less, none not at all
"""
_AUGMENT = """\
  augment: [rotate, zoom, brightness]        # add flip only where a mirror image is still right
"""
_ARCHITECTURES = {
    "image": ("cnn", "resnet", "mobilenet"),
    "signal": ("cnn1d", "resnet1d", "gru"),
    "events": ("gru", "grud", "cnn1d"),
    "text": ("bag", "gru", "cnn1d"),
    "sequence": ("cnn1d", "gru", "tcn"),
    "tabular": ("mlp",),
}


def text(name: str, source: str, file: str, kinds: Sequence[str] = ("image",)) -> str:
    """A recipe to start from.

    Args:
        name: of the recipe.
        source: where its records come from.
        file: where it will stand, for the command in its first line.
        kinds: of its inputs, each of KINDS once.

    Raises:
        UsageError: the source does not hold such inputs, or a kind is named twice.
    """
    kinds = tuple(kinds) or ("image",)
    if len(set(kinds)) < len(kinds):
        raise UsageError("names a kind twice", where="--kind", hint="Write one input; copy it in the file.")
    for kind in kinds:
        if source not in KINDS[kind]:
            held = [known for known, sources in KINDS.items() if source in sources]
            raise UsageError(
                f"holds {' or '.join(held)}, not {kind}",
                where=f"--source {source}",
                hint=f"For {kind} choose --source {' or '.join(KINDS[kind])}.",
            )
    if len(kinds) > 1 and source != "table":
        raise UsageError("holds one input a record", where=f"--source {source}", hint="For several choose table.")
    medmnist = source == "medmnist"
    inputs = _INPUTS if source == "table" else _DRAWN
    parts = [
        _HEAD,
        _SAMPLE if source == "sample" else _DATA[source],
        "\ninputs:\n",
        *(inputs[kind] for kind in kinds),
        _SPLIT[source],
        _TAIL,
        *([_AUGMENT] if "image" in kinds else []),
    ]
    architectures = dict.fromkeys(name for kind in kinds for name in _ARCHITECTURES[kind])
    return "".join(parts).format(
        file=file,
        name=name,
        title=name.replace("_", " ").replace("-", " ").capitalize(),
        size=28 if medmnist else 64,
        channels=1 if medmnist else 3,
        phantom=_PHANTOM.get(kinds[0]),
        sample=_PUBLIC.get(kinds[0]),
        architectures=", ".join(architectures),
    )
