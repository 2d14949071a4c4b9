"""Published networks: names, preprocessing, weights by layer name, freezing and fine-tuning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from automed.errors import DataError, TrialError, UsageError

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

import h5py  # noqa: E402

from automed.models.encoders import pretrained, squeezenet  # noqa: E402
from automed.models.space import FixedSpace, Value  # noqa: E402

SQUEEZENET = "squeezenet_v1.1_imagenet_notop.h5"


def choices(backbone: str = "SqueezeNet", unfreeze: str = "late", enlarge: float = 1.0) -> FixedSpace:
    """One choice of everything that the builder asks for."""
    given: dict[str, Value] = {"backbone": backbone, "enlarge": enlarge, "unfreeze": unfreeze, "rate": 0.2}
    return FixedSpace(given)


def write_keras2(path: Path, skip: str = "", widen: str = "", extra: str = "") -> Path:
    """SqueezeNet weights by chance in the layout of a Keras 2 file, with one flaw where it is asked for."""
    random = np.random.default_rng(0)
    network = squeezenet.build((64, 64, 3))
    with h5py.File(path, "w") as file:
        names = []
        for layer in network.layers:
            name = layer.name.replace("_squeeze", "/squeeze").replace("_expand", "/expand")
            if layer.name == skip:
                continue
            names.append(name.encode())
            group = file.create_group(name)
            stored = []
            for variable in layer.weights:
                shape = tuple(variable.shape)
                shape = (*shape[:-1], shape[-1] + 1) if layer.name == widen else shape
                label = f"{name}_3/{variable.name}:0"
                group.create_dataset(label, data=random.normal(0, 0.1, shape).astype("float32"))
                stored.append(label.encode())
            group.attrs["weight_names"] = stored
        if extra:
            names.append(extra.encode())
            group = file.create_group(extra)
            group.create_dataset("kernel:0", data=np.zeros(2, "float32"))
            group.attrs["weight_names"] = [b"kernel:0"]
        file.attrs["layer_names"] = names
    return path


def test_every_weight_comes_from_the_file(tmp_path: Path) -> None:
    """Each kernel and bias equals the one stored under its layer's name."""
    path = write_keras2(tmp_path / SQUEEZENET)
    network = squeezenet.build((64, 64, 3))
    squeezenet.load(network, path)
    with h5py.File(path) as file:
        for layer in network.layers:
            name = layer.name.replace("_squeeze", "/squeeze").replace("_expand", "/expand")
            for variable in layer.weights:
                stored = file[f"{name}/{name}_3/{variable.name}:0"][()]
                np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), stored)


@pytest.mark.parametrize(
    ("flaw", "told"),
    [
        ({"skip": "fire5_expand3x3"}, "no weights for the layers fire5_expand3x3"),
        ({"widen": "fire9_squeeze1x1"}, "fire9_squeeze1x1/kernel should have shape"),
        ({"extra": "predictions"}, "layers that the network lacks: predictions"),
    ],
)
def test_a_file_that_does_not_match_is_refused(flaw: dict[str, str], told: str, tmp_path: Path) -> None:
    """A missing layer, another shape, a layer too many: named, with the file."""
    path = write_keras2(tmp_path / SQUEEZENET, **flaw)
    with pytest.raises(DataError, match=told):
        squeezenet.load(squeezenet.build((64, 64, 3)), path)


def test_a_text_file_is_not_weights(tmp_path: Path) -> None:
    """Neither for SqueezeNet nor for a network of keras.applications."""
    path = tmp_path / "weights.h5"
    path.write_text("hello")
    for backbone in ("SqueezeNet", "MobileNetV2"):
        with pytest.raises(DataError, match=r"weights\.h5"):
            pretrained.build(choices(backbone), (32, 32, 3), backbones=(backbone,), weights=path)


def test_a_folder_gives_each_backbone_its_file(tmp_path: Path) -> None:
    """By the beginning of the name; none or two of them are an error that says how to name one."""
    write_keras2(tmp_path / SQUEEZENET)
    names = ("SqueezeNet", "VGG16")
    built = pretrained.build(choices(), (28, 28, 1), backbones=names, weights=tmp_path)
    assert built.output.shape[-1] == 512
    with pytest.raises(DataError, match=r"0 files for VGG16(.|\n)*VGG16\.h5"):
        pretrained.build(choices("VGG16"), (28, 28, 1), backbones=names, weights=tmp_path)
    with pytest.raises(UsageError, match="cannot serve 2 backbones"):
        pretrained.build(choices(), (28, 28, 1), backbones=names, weights=tmp_path / SQUEEZENET)
    with pytest.raises(DataError, match="no such weights"):
        pretrained.build(choices(), (28, 28, 1), backbones=names, weights=tmp_path / "absent")


def test_weights_of_keras_applications_come_from_a_path(tmp_path: Path) -> None:
    """A file of the same network is loaded; one of another network is refused."""
    random = keras.applications.MobileNetV3Small(weights=None, include_top=False, input_shape=(64, 64, 3))
    random.save_weights(tmp_path / "MobileNetV3Small.weights.h5")
    path = tmp_path / "MobileNetV3Small.weights.h5"
    built = pretrained.build(choices("MobileNetV3Small"), (64, 64, 3), backbones=("MobileNetV3Small",), weights=path)
    loaded = built.get_layer("backbone").get_weights()
    for one, other in zip(loaded, random.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(DataError, match="does not hold the weights of MobileNetV2"):
        pretrained.build(choices("MobileNetV2"), (64, 64, 3), backbones=("MobileNetV2",), weights=path)


def test_imagenet_weights_that_cannot_be_fetched_say_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network the error names the file and the folder, soon; SqueezeNet has no address at all."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(
        DataError, match=r"not here and cannot be fetched\n.*mobilenet_v2_\S+_no_top\.h5 into ~/\.keras"
    ):
        pretrained.build(choices("MobileNetV2"), (64, 64, 3), backbones=("MobileNetV2",), weights="imagenet")
    with pytest.raises(DataError, match="path of squeezenet"):
        pretrained.build(choices(), (64, 64, 3), weights="imagenet")


def test_an_unknown_backbone_is_told_with_the_nearest() -> None:
    """A typo is found before anything is built."""
    with pytest.raises(UsageError, match="'MobileNetV3Small'"):
        pretrained.build(choices("MobilNetV3Small"), (64, 64, 3), backbones=("MobilNetV3Small",))


@pytest.mark.parametrize(
    ("family", "backbone"),
    [
        ("vgg16", "VGG16"),
        ("resnet", "ResNet50"),
        ("resnet_v2", "ResNet50V2"),
        ("densenet", "DenseNet121"),
        ("mobilenet_v2", "MobileNetV2"),
        ("mobilenet_v3", "MobileNetV3Small"),
        ("efficientnet", "EfficientNetB0"),
        ("xception", "Xception"),
    ],
)
def test_preprocessing_is_that_of_the_publisher(family: str, backbone: str) -> None:
    """Pixels at -1..1 arrive at the network as keras.applications.<family>.preprocess_input would give them."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3)).astype("float32")
    inputs = keras.Input((5, 6, 3))
    prepared = keras.Model(inputs, pretrained._preprocess(inputs, pretrained.mode(backbone)) + 0.0)
    found = keras.ops.convert_to_numpy(prepared(pixels / 127.5 - 1.0))
    expected = getattr(keras.applications, family).preprocess_input(pixels.copy())
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_every_backbone_of_keras_has_a_mode() -> None:
    """Whatever keras.applications offers can be named."""
    names = [name for name in dir(keras.applications) if name[0].isupper()]
    assert len(names) > 30
    assert {pretrained.mode(name) for name in names} == {"caffe", "tf", "torch", "included"}


def test_what_is_frozen_stays_and_lower_layers_learn_slower(tmp_path: Path) -> None:
    """none leaves nothing trainable, late the upper layers, all everything; rates fall from the head down."""
    write_keras2(tmp_path / SQUEEZENET)
    trainable = {}
    for unfreeze in ("none", "late", "all"):
        built = pretrained.build(choices(unfreeze=unfreeze), (64, 64, 3), weights=tmp_path)
        trainable[unfreeze] = len(built.trainable_variables)
        found = pretrained.rates([built], {"pretrained.rate": 0.2} if unfreeze != "none" else {})
        ordered = [found.multipliers[id(variable)] for variable in built.trainable_variables]
        assert ordered == sorted(ordered)
        if unfreeze != "none":
            assert ordered[-1] == 0.2 and ordered[0] == pytest.approx(0.2 / 2.6**2) and found.wait > 0
    assert trainable["none"] == 0 < trainable["late"] < trainable["all"] == 2 * (1 + 3 * 8)


@pytest.mark.parametrize(
    ("shape", "enlarge", "expected"),
    [((28, 28, 1), 1.0, 64), ((28, 28, 1), 1.5, 96), ((64, 64, 3), 2.0, 128), ((512, 512, 3), 2.0, 224)],
)
def test_images_are_brought_to_a_size_the_network_knows(
    shape: tuple[int, int, int], enlarge: float, expected: int
) -> None:
    """Small ones are enlarged, large ones reduced; proportions are kept."""
    built = pretrained.build(choices(enlarge=enlarge), shape)
    assert built.get_layer("backbone").input.shape[1:3] == (expected, expected)
    assert pretrained._size((64, 96, 3), "SqueezeNet", 1.0) == (64, 96)
    with pytest.raises(TrialError, match="smaller than 8 pixels"):
        pretrained.build(choices(), (7, 9, 1))


def test_batch_norms_keep_their_published_averages(tmp_path: Path) -> None:
    """In training too: a few steps on few images would spoil them. Without weights they are learnt."""
    x = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
    name = "MobileNetV2"
    network = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(64, 64, 3))
    network.save_weights(tmp_path / f"{name}.weights.h5")
    for weights, kept in ((tmp_path, True), ("none", False)):
        built = pretrained.build(choices(name, "all"), (32, 32, 3), backbones=(name,), weights=weights)
        before = [keras.ops.convert_to_numpy(v) for v in built.non_trainable_variables]
        built(x, training=True)
        after = [keras.ops.convert_to_numpy(v) for v in built.non_trainable_variables]
        assert all((one == other).all() for one, other in zip(before, after, strict=True)) == kept


def test_the_real_weights_load_and_tell_images_apart(real_data: Path) -> None:
    """The ImageNet SqueezeNet from its Keras 2 file: 722,496 weights, features that are alive and differ by image."""
    folder = real_data / "squeezenet"
    built = pretrained.build(choices(enlarge=2.0), (64, 64, 3), weights=folder)
    assert built.get_layer("backbone").count_params() == 722_496
    y, x = np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 64), indexing="ij")
    images = np.stack([np.stack([x, y, x * y], -1), np.stack([np.sin(9 * x)] * 3, -1)]).astype("float32")
    features = keras.ops.convert_to_numpy(built(images)).mean(axis=(1, 2))
    assert (features > 0).mean() > 0.1
    assert np.corrcoef(features)[0, 1] < 0.9
