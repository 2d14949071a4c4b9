"""A model in a file: written whole or not at all, opened without running what it may hold."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pytest

from automed.errors import DataError, RunError
from automed.models.card import load, read_card, save

LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"name": "innocent", "function": {"class_name": "__lambda__", "config": {"code": "4wEAAA=="}}},
}
FOREIGN = {"module": "os", "class_name": "system", "config": {"name": "innocent", "command": "true"}}


@pytest.fixture
def model() -> Any:
    """The smallest model."""
    keras = pytest.importorskip("keras")
    inputs = keras.Input((2,), name="x")
    return keras.Model(inputs, keras.layers.Dense(2, name="probabilities")(inputs), name="small")


def archive(path: Path, members: dict[str, str]) -> Path:
    """A zip file with these members."""
    with zipfile.ZipFile(path, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return path


@pytest.mark.slow
def test_a_card_travels_inside_the_model(model: Any, tmp_path: Path) -> None:
    """It can be read without Keras, and the folder holds one file."""
    card = {"classes": ["benign", "bösartig"], "threshold": 0.5, "temperature": None}
    save(model, tmp_path / "model.keras", card)
    assert read_card(tmp_path / "model.keras") == card
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.slow
def test_a_foreign_model_has_an_empty_card(model: Any, tmp_path: Path) -> None:
    """Files that other programs wrote open too."""
    model.save(tmp_path / "foreign.keras")
    loaded, card = load(tmp_path / "foreign.keras")
    assert card == {} and loaded.name == "small"


@pytest.mark.slow
def test_a_failed_write_leaves_the_earlier_file(model: Any, tmp_path: Path) -> None:
    """The old model stays whole, and no draft is left behind."""
    save(model, tmp_path / "model.keras", {"version": 1})
    with pytest.raises(ValueError, match="JSON"):
        save(model, tmp_path / "model.keras", {"version": math.nan})
    with pytest.raises(RunError, match="cannot be written"):
        save(model, tmp_path / "absent" / "model.keras", {})
    assert read_card(tmp_path / "model.keras") == {"version": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.slow
@pytest.mark.parametrize(("layer", "told"), [(LAMBDA, "Lambda layer.*innocent"), (FOREIGN, "class from os")])
def test_a_tampered_model_is_refused(model: Any, layer: dict[str, Any], told: str, tmp_path: Path) -> None:
    """A layer that would run code is named, and nothing is opened."""
    save(model, tmp_path / "model.keras", {})
    with zipfile.ZipFile(tmp_path / "model.keras") as original:
        members = {name: original.read(name) for name in original.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"].append(layer)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(tmp_path / "tampered.keras", "w") as tampered:
        for name, content in members.items():
            tampered.writestr(name, content)
    with pytest.raises(DataError, match=told):
        load(tmp_path / "tampered.keras")


@pytest.mark.parametrize("layer", [LAMBDA, FOREIGN])
def test_code_is_refused_before_keras_is_loaded(layer: dict[str, Any], tmp_path: Path) -> None:
    """The check reads text alone, at any depth."""
    hidden = {"class_name": "Functional", "config": {"layers": [{"config": {"inner": [layer]}}]}}
    path = archive(tmp_path / "m.keras", {"config.json": json.dumps(hidden)})
    with pytest.raises(DataError, match="innocent"):
        load(path)


def test_what_is_not_a_model_is_told_as_such(tmp_path: Path) -> None:
    """No file, a text, a zip without a model, a card that is not one: each has its message."""
    text = tmp_path / "text.keras"
    text.write_text("hello")
    with pytest.raises(DataError, match="no such model file"):
        load(tmp_path / "absent.keras")
    with pytest.raises(DataError, match=r"not a \.keras file"):
        load(text)
    with pytest.raises(DataError, match=r"config\.json is missing"):
        load(archive(tmp_path / "empty.keras", {"a": "b"}))
    with pytest.raises(DataError, match="not JSON"):
        read_card(archive(tmp_path / "odd.keras", {"automed.json": "{"}))
    with pytest.raises(DataError, match="not a mapping"):
        read_card(archive(tmp_path / "list.keras", {"automed.json": "[]"}))


@pytest.mark.slow
def test_a_damaged_model_is_a_data_error(model: Any, tmp_path: Path) -> None:
    """Weights that are missing, a class that Keras does not know."""
    save(model, tmp_path / "model.keras", {})
    with zipfile.ZipFile(tmp_path / "model.keras") as original:
        config = original.read("config.json").decode()
    with pytest.raises(DataError, match="Keras cannot open"):
        load(archive(tmp_path / "weightless.keras", {"config.json": config, "metadata.json": "{}"}))
    unknown = config.replace('"Dense"', '"Denser"')
    with pytest.raises(DataError, match="Keras cannot open"):
        load(archive(tmp_path / "unknown.keras", {"config.json": unknown, "metadata.json": "{}"}))
