"""Architectures: what a recipe may name under `search.architectures`.

Each is one file with `build(space, shape) -> keras.Model`, an encoder from standardised images to a feature map; the
choices that a search tries first stand in `known_good.py`. Keras is imported when one is loaded, never by this package.
"""

from __future__ import annotations

from automed.registry import Entry, Table

ARCHITECTURES = Table(
    "architecture",
    {
        "cnn": Entry("automed.models.cnn:build", "plain convolutional network, VGG style"),
        "resnet": Entry(
            "automed.models.resnet:build", "residual network with pre-activation; squeeze-excitation as a choice"
        ),
        "mobilenet": Entry(
            "automed.models.mobilenet:build", "mobile network of inverted bottlenecks: the smallest files"
        ),
        "pretrained": Entry("automed.models.pretrained:build", "a published network with its weights, fine-tuned"),
    },
)
