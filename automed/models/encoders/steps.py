"""What the architectures for signals, texts and sequences share: masked convolutions, and fewer steps for long inputs.

A mask goes along with the features, and features are put to 0 after the end of a record whenever a convolution is to
read them: what a record is answered does not depend on how far it was padded.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from automed.errors import TrialError
from automed.models.encoders.blocks import normalise
from automed.models.space import Space

Shape = tuple[int, int]  # steps, channels

STEM_WIDTH = 32
TOLERANCE = 1.25  # this much more than the working length is still not worth a stem


def inputs(shape: Shape) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Features and mask of an encoder, as Keras inputs."""
    return keras.Input(shape, name="steps"), keras.Input((shape[0], 1), name="mask")


def require(architecture: str, shape: Shape, least: int) -> None:
    """Refuse an input that is too short.

    Raises:
        TrialError: it has fewer than `least` steps.
    """
    if shape[0] < least:
        raise TrialError(
            f"an input of {shape[0]} steps is shorter than the {least} that are looked at together",
            where=architecture,
            hint="Raise the input's `length`, or choose a recurrent network.",
        )


def stem(
    space: Space, x: keras.KerasTensor, mask: keras.KerasTensor, length: int
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Halve the number of steps until it is near `length`; a shorter input passes as it is.

    Asks for `detail` where the input is longer: yes stops at twice as many steps, at about twice the cost.

    Args:
        space: where the choice comes from.
        x: (n, steps, channels), 0 where the mask is.
        mask: (n, steps, 1).
        length: steps at which the architecture works.

    Returns:
        Features and mask of fewer steps.
    """
    halvings = 0
    while x.shape[1] / 2**halvings > TOLERANCE * length:
        halvings += 1
    if halvings:
        halvings -= space.bool("detail")
    number = 0
    while halvings:
        number += 1
        by = min(2, halvings)
        halvings -= by
        x, mask = convolve(x, mask, STEM_WIDTH, f"stem{number}", kernel=2 ** (by + 1) + 1, stride=2**by)
    return x, mask


def convolve(
    x: keras.KerasTensor,
    mask: keras.KerasTensor,
    width: int,
    name: str,
    *,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    causal: bool = False,
    normalisation: str = "batch",
    activation: str | None = "relu",
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Convolution, normalisation and activation, named `name`, `name`_norm and `name`_act, then the mask.

    Windows are aligned to the first step, whatever the number of steps is: with a stride, window t begins
    (kernel - stride) // 2 steps before step t * stride.
    """
    padding = "causal" if causal else "same"
    if stride > 1:
        steps = x.shape[1]
        before = (kernel - stride) // 2
        after = (-(-steps // stride) - 1) * stride + kernel - before - steps
        x = keras.layers.ZeroPadding1D((before, after), name=f"{name}_pad")(x)
        mask = halve(mask, f"{name}_mask", stride)
        padding = "valid"
    x = keras.layers.Conv1D(
        width,
        kernel,
        strides=stride,
        dilation_rate=dilation,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = normalise(x, normalisation, f"{name}_norm")
    if activation:
        x = keras.layers.Activation(activation, name=f"{name}_act")(x)
    return keras.layers.Multiply(name=f"{name}_masked")([x, mask]), mask


def halve(x: keras.KerasTensor, name: str, by: int = 2) -> keras.KerasTensor:
    """The greatest of every two neighbouring steps, from the first step on; of features that are not negative."""
    return keras.layers.MaxPooling1D(by, padding="same", name=name)(x)


def shrink(mask: keras.KerasTensor, steps: int, name: str) -> keras.KerasTensor:
    """The mask of features that an encoder made of fewer `steps`: those of the input, halved some times."""
    by = 1
    while -(-mask.shape[1] // by) > steps:
        by *= 2
    return halve(mask, name, by) if by > 1 else mask


def positions(mask: Any) -> Any:
    """0, 1, 2, ... along the steps: float32, shape of the mask."""
    return ops.cumsum(ops.ones_like(mask), axis=1) - 1.0


def backwards(x: Any, mask: Any) -> Any:
    """The steps of each record from its last to its first, and what follows its end where it was.

    Twice is the same as never. A recurrent network that reads this needs no mask of its own: what comes after the end
    does not reach the steps before it. (Keras' masks cost a selection each step, and on a GPU cuDNN refuses a record
    that is masked throughout.)

    Args:
        x: (n, steps, channels).
        mask: float32 (n, steps, 1), 1 up to the end of each record.
    """
    steps, channels = x.shape[1:]
    place = positions(mask)
    length = ops.sum(mask, axis=1, keepdims=True)
    mirrored = ops.where(ops.less(place, length), length - 1.0 - place, place)
    # One gather over all rows of the batch: taking along an axis is three times as slow in TensorFlow.
    row = ops.cumsum(ops.ones_like(length), axis=0) - 1.0
    where = ops.reshape(ops.cast(row, "int32") * steps + ops.cast(mirrored, "int32"), (-1,))
    return ops.reshape(ops.take(ops.reshape(x, (-1, channels)), where, axis=0), (-1, steps, channels))
