"""Published networks with the weights they come with, frozen first and then fine-tuned."""

from __future__ import annotations

import re
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from automed.errors import DataError, TrialError, UsageError
from automed.models.encoders import squeezenet
from automed.models.encoders.blocks import Shape
from automed.models.optimisers import Rates
from automed.models.space import Space, Value
from automed.registry import nearest

SMALLEST = 8  # pixels a side: enlarging fewer would only blur them
WORKING_SIZE = (64, 224)  # the shorter side is brought between these before `enlarge`
LEAST_SIZE = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}
LATE = 0.6  # share of the layers, from the input on, that `late` leaves frozen
GROUP_RATIO = 2.6  # Howard and Ruder 2018, arXiv:1801.06146, section 3.2: each lower group learns this much slower
GROUPS = 3
WAIT = 0.15  # share of the training in which only the head learns
NO_ANSWER = 20.0  # seconds after which a silent server counts as unreachable

# What keras.applications.<family>.preprocess_input does: "caffe" is blue-green-red minus the means, "tf" is -1..1,
# "torch" is minus the means over the deviations, "included" is done by the network itself, from 0..255.
MODES = (
    (r"ResNet\d+V2|Inception.*|MobileNet(V2)?|NASNet.*|Xception", "tf"),
    (r"VGG\d+|ResNet\d+|SqueezeNet", "caffe"),
    (r"DenseNet\d+", "torch"),
    (r"ConvNeXt.*|EfficientNet.*|MobileNetV3.*", "included"),
)
IMAGENET_BGR = np.array([103.939, 116.779, 123.68], np.float32)  # 0..255
IMAGENET_RGB_MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # 0..1
IMAGENET_RGB_STD = np.array([0.229, 0.224, 0.225], np.float32)


def build(
    space: Space, shape: Shape, *, backbones: Sequence[str] = ("SqueezeNet",), weights: str | Path = "none"
) -> keras.Model:
    """A published network as an encoder, with its own preprocessing inside.

    Asks for `backbone` and `enlarge`, and with weights for `unfreeze` (none, late, all), then for `rate` unless none.
    The layers that stay frozen are not trainable; `rates` says how fast the others may learn.

    Args:
        space: where each choice comes from; FixedSpace replays an earlier one.
        shape: (height, width, channels); one channel is repeated to three.
        backbones: names of keras.applications, or SqueezeNet.
        weights: "imagenet"; "none" to start by chance; a weights file for one backbone; or a folder that holds, for
            each backbone, one file whose name begins like it.

    Returns:
        Model from float32 (n, height, width, channels), pixels scaled to -1..1, to a feature map float32
        (n, h, w, features). With weights, batch normalisation stays as published: few images would spoil its averages.

    Raises:
        UsageError: a backbone that does not exist, or one file for several.
        DataError: the weights cannot be fetched, found or matched; the hint says which file to put where.
        TrialError: the image is smaller than 8 pixels a side.
    """
    for name in backbones:
        mode(name)
    source = weights if weights in ("imagenet", "none") else Path(weights)
    if isinstance(source, Path) and source.is_file() and len(backbones) > 1:
        raise UsageError(
            f"one weights file cannot serve {len(backbones)} backbones",
            where=str(source),
            hint="Name one backbone, or a folder with a file for each.",
        )
    backbone = space.choice("backbone", tuple(backbones))
    enlarge = space.choice("enlarge", (1.0, 1.5, 2.0))
    if min(shape[:2]) < SMALLEST:
        raise TrialError(f"a {shape[0]}x{shape[1]} image is smaller than {SMALLEST} pixels a side", where="pretrained")
    height, width = _size(shape, backbone, enlarge)

    network = _network(backbone, (height, width, 3), source)
    inputs = keras.Input(shape, name="image")
    x = inputs
    if (height, width) != shape[:2]:
        x = keras.layers.Resizing(height, width, interpolation="bilinear", name="resize")(x)
    if shape[2] == 1:
        x = keras.layers.Concatenate(name="grey_to_rgb")([x, x, x])
    x = _preprocess(x, mode(backbone))
    if source != "none":
        _freeze(network, space.choice("unfreeze", ("none", "late", "all")))
        if network.trainable_variables:
            space.float("rate", 0.02, 0.5, log=True)
    return keras.Model(inputs, network(x), name="pretrained")


def rates(encoders: Sequence[keras.Model], choices: Mapping[str, Value]) -> Rates:
    """How fast the unfrozen layers of pretrained encoders learn: the deeper third at `rate`, the lower ones slower.

    Args:
        encoders: what `build` returned.
        choices: what was chosen, under full names ("pretrained.rate").

    Source: discriminative fine-tuning and gradual unfreezing, Howard and Ruder 2018, arXiv:1801.06146, section 3.2.
    """
    rate = choices.get("pretrained.rate")
    if not isinstance(rate, float):
        return Rates()
    multipliers = {}
    for encoder in encoders:
        variables = encoder.get_layer("backbone").trainable_variables
        for position, variable in enumerate(variables):
            below = GROUPS - 1 - position * GROUPS // len(variables)
            multipliers[id(variable)] = rate / GROUP_RATIO**below
    return Rates(multipliers, wait=WAIT)


def mode(backbone: str) -> str:
    """How a backbone's pixels are prepared: caffe, tf, torch or included; raises UsageError for an unknown name."""
    known = ["SqueezeNet", *(name for name in dir(keras.applications) if name[0].isupper())]
    for pattern, found in MODES:
        if backbone in known and re.fullmatch(pattern, backbone):
            return found
    guess = nearest(backbone, known)
    raise UsageError(
        f"no backbone is called {backbone!r}",
        where="pretrained.backbones",
        hint=f"Did you mean {guess!r}?" if guess else f"Known: {', '.join(known)}.",
    )


def _size(shape: Shape, backbone: str, enlarge: float) -> tuple[int, int]:
    """Height and width that the backbone sees, in the image's own proportions."""
    shorter = min(shape[:2])
    low, high = WORKING_SIZE
    wanted = max(min(enlarge * min(max(shorter, low), high), high), LEAST_SIZE.get(backbone, 0))
    height, width = (round(side * wanted / shorter) for side in shape[:2])
    return height, width


def _preprocess(x: keras.KerasTensor, how: str) -> keras.KerasTensor:
    """From -1..1, red-green-blue, to what the network was trained on."""
    if how == "caffe":
        layer = keras.layers.Conv2D(3, 1, trainable=False, kernel_initializer="zeros", name="rgb_to_bgr")
        x = layer(x)
        layer.set_weights([127.5 * np.eye(3, dtype=np.float32)[:, ::-1][None, None], 127.5 - IMAGENET_BGR])
        return x
    if how == "torch":
        mean, deviation = 2.0 * IMAGENET_RGB_MEAN - 1.0, 2.0 * IMAGENET_RGB_STD
        return keras.layers.Normalization(
            mean=mean.tolist(), variance=(deviation**2).tolist(), name="imagenet_statistics"
        )(x)
    if how == "included":
        return keras.layers.Rescaling(127.5, offset=127.5, name="to_0_255")(x)
    return x


def _freeze(network: keras.Model, unfreeze: str) -> None:
    layers = [layer for layer in network.layers if layer.weights]
    kept = {"none": len(layers), "late": round(LATE * len(layers)), "all": 0}[unfreeze]
    for position, layer in enumerate(layers):
        # Keras runs a batch normalisation that is not trainable by its averages, even in training.
        layer.trainable = position >= kept and not isinstance(layer, keras.layers.BatchNormalization)


def _network(backbone: str, shape: Shape, source: str | Path) -> keras.Model:
    if isinstance(source, Path):
        source = _weights_file(backbone, source)
    if backbone == "SqueezeNet":
        network = squeezenet.build(shape)
        if source == "imagenet":
            raise DataError(
                "the ImageNet weights of SqueezeNet cannot be fetched",
                where="pretrained.weights",
                hint="Set pretrained.weights to the path of squeezenet_v1.1_imagenet_notop.h5 (Keras 2 format).",
            )
        if isinstance(source, Path):
            squeezenet.load(network, source)
        return keras.Model(network.input, network.output, name="backbone")
    given = None if source == "none" else str(source)
    with _told_clearly(backbone, source), warnings.catch_warnings():
        # MobileNet warns that its weights were trained at another size than the image's: that is the purpose here.
        warnings.filterwarnings("ignore", message=".*input_shape.*", category=UserWarning)
        network = getattr(keras.applications, backbone)(weights=given, include_top=False, input_shape=shape)
    return keras.Model(network.input, network.output, name="backbone")


def _weights_file(backbone: str, source: Path) -> Path:
    """The file itself, or the one in the folder `source` that begins with the backbone's name."""
    if source.is_file():
        return source
    if not source.is_dir():
        raise DataError("no such weights file or folder", where=str(source))
    files = [file for file in sorted(source.iterdir()) if file.suffix in (".h5", ".keras")]
    found = [file for file in files if _plain(file.name).startswith(_plain(backbone))]
    if len(found) != 1:
        raise DataError(
            f"{len(found)} files for {backbone} in the folder, 1 is needed",
            where=str(source),
            hint=f"Name it {backbone}.h5: weights without top, as keras.applications publishes them.",
        )
    return found[0]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@contextmanager
def _told_clearly(backbone: str, source: str | Path) -> Iterator[None]:
    """Turn what keras.applications raises into errors a person can act on, and let no download hang."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NO_ANSWER)
    try:
        yield
    except Exception as problem:  # keras.utils.get_file raises plain Exception
        if source == "none":
            raise TrialError(f"{backbone} cannot be built: {problem}", where="pretrained") from problem
        if source != "imagenet":
            raise DataError(f"does not hold the weights of {backbone} without top", where=str(source)) from problem
        address = re.search(r"https?://\S+/([^\s/:]+)", str(problem))
        file = address.group(1) if address else f"the weights of {backbone} without top"
        raise DataError(
            f"the ImageNet weights of {backbone} are not here and cannot be fetched",
            where="pretrained.weights",
            hint=f"Put {file} into ~/.keras/models (or $KERAS_HOME/models), or give its path as pretrained.weights"
            + (f"; it comes from {address.group(0)}" if address else "")
            + ".",
        ) from problem
    finally:
        socket.setdefaulttimeout(before)
