"""The text of a new recipe: commented YAML that passes `automed recipe check` as it is."""

from __future__ import annotations

SOURCES = ("table", "folder", "npz", "medmnist", "phantom")

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
  source: table                # one row a record in a csv, tsv or parquet file, plus image files
  root: .                      # where the data lie: a path (from this file), or ${{VARIABLE}}/folder
  table: metadata.csv
  target: label                # the column with the reference standard
  patient: patient_id          # the column that must not be in two splits; a lesion id will do
  sensitive: []                # columns to audit, as in [sex, age_band]
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
  phantom: dermoscopy
  records: 2000
  difficulty: 0.5              # 0 easy, 1 hard
  shortcut: 0.0                # above 0: an artefact that goes with one class
  disadvantage: 0.0            # above 0: a weaker sign in one group
""",
}

_INPUTS = {
    "table": """\
inputs:
  image: {{kind: image, column: path, size: [64, 64], channels: 3}}   # the column with each record's file, below root
""",
    "other": """\
inputs:
  image: {{kind: image, size: [{size}, {size}], channels: {channels}}}
""",
}

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
}

_TAIL = """\

search:
  trials: 20
  minutes: 10                  # the first of trials and minutes that is reached ends the search
  finalists: 3                 # kept whole and tested
  architectures: [cnn, resnet, mobilenet]
train:
  epochs: 30
  patience: 6
  class_weights: balanced
  augment: {augment}
"""


def text(name: str, source: str, file: str) -> str:
    """A recipe called `name` for one of SOURCES; `file` is where it will stand, for the command in its first line."""
    medmnist = source == "medmnist"
    parts = [
        _HEAD,
        _DATA[source],
        "\n",
        _INPUTS["table" if source == "table" else "other"],
        _SPLIT[source],
        _TAIL,
    ]
    return "".join(parts).format(
        file=file,
        name=name,
        title=name.replace("_", " ").replace("-", " ").capitalize(),
        size=28 if medmnist else 64,
        channels=1 if medmnist else 3,
        augment="[rotate, zoom, brightness]        # add flip only where a mirror image is still right",
    )
