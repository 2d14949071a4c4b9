"""SqueezeNet v1.1, which keras.applications does not have, and its ImageNet weights from a Keras 2 file."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np

from automed.errors import DataError

# Name, width of the squeezing convolution, width of each of the two expanding ones, and whether pooling comes after.
FIRES = (
    ("fire2", 16, 64, False),
    ("fire3", 16, 64, True),
    ("fire4", 32, 128, False),
    ("fire5", 32, 128, True),
    ("fire6", 48, 192, False),
    ("fire7", 48, 192, False),
    ("fire8", 64, 256, False),
    ("fire9", 64, 256, False),
)


def build(shape: tuple[int, int, int]) -> keras.Model:
    """SqueezeNet v1.1 without its classifier.

    Args:
        shape: (height, width, 3), at least 32 pixels a side.

    Returns:
        Model from float32 (n, height, width, 3), blue-green-red minus the ImageNet means, to float32 (n, h, w, 512).

    Source: Iandola et al. 2016, arXiv:1602.07360; v1.1 of the authors' release moves the pooling forward.
    """
    inputs = keras.Input(shape, name="bgr")
    x = keras.layers.Conv2D(64, 3, strides=2, activation="relu", kernel_initializer="he_uniform", name="conv1")(inputs)
    x = keras.layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for name, squeezed, expanded, pooled in FIRES:
        x = _convolve(x, squeezed, 1, f"{name}_squeeze1x1")
        sides = [_convolve(x, expanded, size, f"{name}_expand{size}x{size}") for size in (1, 3)]
        x = keras.layers.Concatenate(name=f"{name}_concat")(sides)
        if pooled:
            x = keras.layers.MaxPooling2D(3, strides=2, name=f"{name}_pool")(x)
    return keras.Model(inputs, x, name="squeezenet")


def _convolve(x: keras.KerasTensor, width: int, size: int, name: str) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        width, size, padding="same", activation="relu", kernel_initializer="he_uniform", name=name
    )(x)


def load(model: keras.Model, path: Path) -> None:
    """Set every weight of `model` from a Keras 2 h5 file, by layer name ("fire2/squeeze1x1" in the file).

    Raises:
        DataError: the file cannot be read, or a layer is missing in it, is not in the model, or has another shape.
    """
    try:
        with h5py.File(path, "r") as file:
            stored = {_layer(name): _arrays(file[name]) for name in map(_text, file.attrs["layer_names"])}
    except (OSError, KeyError, ValueError) as problem:
        raise DataError("is not a Keras weights file (h5)", where=str(path)) from problem
    stored = {name: arrays for name, arrays in stored.items() if arrays}
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    if missing := sorted(layers.keys() - stored.keys()):
        raise DataError(f"has no weights for the layers {', '.join(missing)}", where=str(path))
    if unknown := sorted(stored.keys() - layers.keys()):
        raise DataError(f"has weights for layers that the network lacks: {', '.join(unknown)}", where=str(path))
    for name, layer in layers.items():
        for variable in layer.weights:
            value = stored[name].get(variable.name)
            if value is None or value.shape != tuple(variable.shape):
                found = "nothing" if value is None else f"shape {value.shape}"
                raise DataError(
                    f"{name}/{variable.name} should have shape {tuple(variable.shape)}, found {found}", where=str(path)
                )
            variable.assign(value)


def _arrays(group: h5py.Group) -> dict[str, np.ndarray]:
    """Kernel and bias of one layer; Keras 2 names them "fire2/squeeze1x1_3/kernel:0"."""
    names = [_text(name) for name in group.attrs["weight_names"]]
    return {name.rpartition("/")[2].partition(":")[0]: np.asarray(group[name]) for name in names}


def _layer(name: str) -> str:
    # Keras 3 does not allow a slash in a layer's name.
    return name.replace("/", "_")


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
