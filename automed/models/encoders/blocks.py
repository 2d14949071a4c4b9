"""What the architectures share: normalised convolutions, squeeze-excitation, and how far an image may be shrunk."""

from __future__ import annotations

import keras

from automed.errors import TrialError
from automed.models.space import Space

Shape = tuple[int, int, int]

# An epoch has few steps on a small set: the moving averages must settle within one.
MOMENTUM = 0.9
WORKING_SIZE = 32  # pixels of the shorter side at which the stages begin
LARGE = 48  # from this size on, a stem at full resolution would take most of the time


def require(architecture: str, shape: Shape, halvings: int) -> None:
    """Refuse an image that cannot be halved so often.

    Raises:
        TrialError: the shorter side has fewer than 2**halvings pixels.
    """
    height, width, _ = shape
    if min(height, width) < 2**halvings:
        raise TrialError(
            f"a {height}x{width} image cannot be halved {halvings} times",
            where=architecture,
            hint=f"It needs at least {2**halvings} pixels a side: enlarge the input's `size`, or choose less depth.",
        )


def stem_halvings(space: Space, shape: Shape) -> int:
    """How often the stem halves the image, so that the stages begin near 32 pixels whatever the input's size.

    Asks for `detail` where the image is large: yes begins at twice that resolution, at about four times the cost.
    """
    shorter = min(shape[:2])
    if shorter < LARGE:
        return 0
    halvings = 0
    while shorter / 2**halvings > 1.25 * WORKING_SIZE:
        halvings += 1
    return halvings - 1 if space.bool("detail") else halvings


def normalise(x: keras.KerasTensor, kind: str, name: str) -> keras.KerasTensor:
    """Batch normalisation (`batch`), or over the channels of each pixel (`layer`), which no batch size disturbs."""
    if kind == "batch":
        return keras.layers.BatchNormalization(momentum=MOMENTUM, name=name)(x)
    return keras.layers.LayerNormalization(epsilon=1e-5, name=name)(x)


def convolve(
    x: keras.KerasTensor,
    width: int,
    name: str,
    *,
    kernel: int = 3,
    stride: int = 1,
    normalisation: str = "batch",
    activation: str | None = "relu",
    halve: bool = False,
) -> keras.KerasTensor:
    """Convolution, normalisation and activation, named `name`, `name`_norm and `name`_act.

    `halve` pools between convolution and normalisation: the same as pooling at the end while the normalisation's scale
    is positive, and a quarter of the work for all that follows. On CPU normalising costs as much as convolving.
    """
    x = keras.layers.Conv2D(
        width, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    if halve:
        x = keras.layers.MaxPooling2D(2, padding="same", name=f"{name}_pool")(x)
    x = normalise(x, normalisation, f"{name}_norm")
    return keras.layers.Activation(activation, name=f"{name}_act")(x) if activation else x


def stem(
    x: keras.KerasTensor, width: int, halvings: int, normalisation: str = "batch", *, halve: bool = False
) -> keras.KerasTensor:
    """Halve the image `halvings` times by convolutions that reach `width` channels; without any, one convolution.

    The early ones are narrow because they work at high resolution. `halve` pools once more at the end.
    """
    if halvings == 0:
        return convolve(x, width, "stem", normalisation=normalisation, halve=halve)
    for step in range(halvings):
        narrow = max(8, width // 2 ** (halvings - 1 - step))
        last = step == halvings - 1
        x = convolve(x, narrow, f"stem{step + 1}", stride=2, normalisation=normalisation, halve=halve and last)
    return x


def squeeze_excite(x: keras.KerasTensor, name: str, reduced: int) -> keras.KerasTensor:
    """Weigh each channel by what all channels hold on average over the image.

    Source: Hu, Shen and Sun 2018, arXiv:1709.01507, section 3; 1x1 convolutions stand for its dense layers.
    """
    width = x.shape[-1]
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    gate = keras.layers.Conv2D(reduced, 1, activation="relu", name=f"{name}_reduce")(gate)
    gate = keras.layers.Conv2D(width, 1, activation="sigmoid", name=f"{name}_excite")(gate)
    return keras.layers.Multiply(name=f"{name}_scale")([x, gate])
