"""What may happen to a record before a model sees it: blur, lost leads, typing errors, values that are not there.

`CORRUPTIONS` has by kind of input a table of names; each is a `Corruption`, which `automed.data.corruptions.corruption`
explains. They change the array that the model receives. A new one is an object in the file of its kind and a line here.
"""

from collections.abc import Mapping

from automed.registry import Entry, Table

_HERE = "automed.data.corruptions."

CORRUPTIONS: Mapping[str, Table] = {
    "image": Table(
        "corruption of images",
        {
            "gaussian_noise": Entry(f"{_HERE}image:GAUSSIAN_NOISE", "grain of a sensor in poor light"),
            "gaussian_blur": Entry(f"{_HERE}image:GAUSSIAN_BLUR", "out of focus, or moved"),
            "contrast": Entry(f"{_HERE}image:CONTRAST", "flat, as through haze or a poor display setting"),
            "brightness": Entry(f"{_HERE}image:BRIGHTNESS", "overexposed"),
            "jpeg": Entry(f"{_HERE}image:JPEG", "compressed to a small file, as messengers do"),
            "colour_shift": Entry(f"{_HERE}image:COLOUR_SHIFT", "another lamp, stain or white balance"),
        },
    ),
    "signal": Table(
        "corruption of signals",
        {
            "lead_drop": Entry(f"{_HERE}signal:LEAD_DROP", "electrodes that have come off: their leads are flat"),
            "baseline_wander": Entry(f"{_HERE}signal:BASELINE_WANDER", "the baseline moves with the breath"),
            "gaussian_noise": Entry(f"{_HERE}signal:GAUSSIAN_NOISE", "noise of muscles and amplifiers"),
            "powerline": Entry(f"{_HERE}signal:POWERLINE", "hum of the mains, 50 Hz"),
            "missing_variables": Entry(f"{_HERE}irregular:MISSING_VARIABLES", "tests that were never made"),
            "missing_steps": Entry(f"{_HERE}irregular:MISSING_STEPS", "hours in which nothing was charted"),
        },
    ),
    "text": Table(
        "corruption of texts",
        {
            "typos": Entry(f"{_HERE}text:TYPOS", "letters swapped, left out or doubled in long words"),
            "word_drop": Entry(f"{_HERE}text:WORD_DROP", "words left out, as in notes made in haste"),
        },
    ),
    "sequence": Table(
        "corruption of sequences",
        {
            "substitution": Entry(f"{_HERE}sequence:SUBSTITUTION", "letters misread by the sequencer"),
            "deletion": Entry(f"{_HERE}sequence:DELETION", "letters that were lost: what follows moves up"),
            "rewriting": Entry(f"{_HERE}sequence:REWRITING", "the same molecule, written from another atom on"),
        },
    ),
    "tabular": Table(
        "corruption of tables",
        {
            "missing_values": Entry(f"{_HERE}tabular:MISSING_VALUES", "cells that were not filled in"),
            "noise": Entry(f"{_HERE}tabular:NOISE", "numbers measured by a worse instrument"),
            "miscoding": Entry(f"{_HERE}tabular:MISCODING", "categories entered wrongly"),
        },
    ),
}
