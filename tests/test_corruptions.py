"""What corruptions do to records: laws that all of them keep, and each against a library or a definition."""

from __future__ import annotations

import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from madeinputs import columns, image, irregular, records, signal, text
from PIL import Image
from scipy import signal as spectra
from skimage import color, filters

from automed.data import scaffolds
from automed.data.corruptions import CORRUPTIONS
from automed.data.corruptions.corruption import SEVERITIES, Corruption, lots, present
from automed.data.corruptions.irregular import keep
from automed.data.corruptions.text import begins, misspell, words
from automed.data.decode import observations
from automed.data.kinds import KINDS, alphabets, pieces, sequence
from automed.data.kinds import text as texts
from automed.data.kinds.tokens import PADDING, SPECIAL, UNKNOWN
from automed.data.records import Observations
from automed.models.facts import InputFacts
from automed.recipe import Events

SMILES = ["CCO", "c1ccccc1C(=O)O", "CC(=O)Oc1ccccc1C(=O)O", "CN1CCC[C@H]1c1cccnc1", "C(C(=O)O)N", "CC(C)Cc1ccccc1"]


def written(kind_of: str, tokens: int = 20, **facts: Any) -> InputFacts:
    """Facts of a sequence in one of the fixed alphabets."""
    known = [*SPECIAL, *alphabets.LETTERS[kind_of]]
    return InputFacts("sequence", (tokens,), {"kind_of": kind_of, "alphabet": known, "dtype": "uint8", **facts})


def molecules() -> InputFacts:
    known = sorted({token for each in SMILES for token in alphabets.cut_smiles(each)} | {*"CNO()=123cn", "[C@@H]"})
    facts = {"kind_of": "smiles", "alphabet": [*SPECIAL, *known], "length": 40, "dtype": "uint8"}
    return InputFacts("sequence", (40,), facts)


def ecg(rate: float = 500.0, leads: int = 12, steps: int = 2000) -> InputFacts:
    facts = signal(steps, leads).facts | {"step": 1 / rate, "unit": "s", "std": [0.2] * leads, "mean": [0.5] * leads}
    return InputFacts("signal", (steps, leads), facts)


def notes() -> InputFacts:
    """A text of whole words, whose names are letters alone."""
    facts = text().facts
    vocabulary = [
        *SPECIAL,
        *(f"word{chr(97 + k % 26)}{chr(97 + k // 26)}" for k in range(len(facts["vocabulary"]) - 2)),
    ]
    return InputFacts("text", text().shape, {**facts, "vocabulary": vocabulary})


def pieced(tokenizer: str) -> InputFacts:
    """A text that is cut into pieces, learnt from a few clinical words."""
    often = {"pneumonia": 9, "pneumothorax": 7, "thoracic": 5, "effusion": 8, "pleural": 6, "no": 20, "fever": 4}
    state = pieces.learn(tokenizer, often, 60)
    known = sorted(set(json.loads(state)["model"]["vocab"]) - {SPECIAL[1]})
    facts = {"tokenizer": tokenizer, "state": state, "vocabulary": [*SPECIAL, *known], "length": 40, "dtype": "int32"}
    return InputFacts("text", (40,), facts)


CASES = {
    "grey": image((28, 28, 1)),
    "colour": image((20, 24, 3)),
    "stack": image((16, 16, 4)),
    "signal": signal(),
    "ecg": ecg(),
    "lead": ecg(leads=1),
    "irregular": irregular(),
    "text": notes(),
    "wordpiece": pieced("wordpiece"),
    "bpe": pieced("bpe"),
    "dna": written("dna"),
    "aligned": written("dna", aligned=True),
    "protein": written("protein"),
    "smiles": molecules(),
    "tabular": columns(),
}


def material(case: str, n: int = 6, seed: int = 0) -> np.ndarray:
    """Records as the store keeps them; the last is absent."""
    facts = CASES[case]
    if case in ("wordpiece", "bpe"):
        notes = ["no pneumonia no pleural effusion", "thoracic fever", "pneumothorax", "effusion"]
        return texts.tokenise(facts.facts, [notes[k % 4] if k < n - 1 else None for k in range(n)])
    if case == "smiles":
        return sequence.tokenise(facts.facts, [SMILES[k % 6] if k < n - 1 else None for k in range(n)])
    return records(facts, n, seed)


def suited() -> list[tuple[str, str]]:
    """Every case with every corruption that suits it."""
    found = []
    for case, facts in CASES.items():
        table = CORRUPTIONS[facts.kind]
        found += [(case, name) for name in table if table.load(name).unsuited(facts.facts, facts.shape) is None]
    return found


def corrupted(case: str, name: str, severity: int, x: np.ndarray, seed: int = 0) -> np.ndarray:
    facts = CASES[case]
    change: Corruption = CORRUPTIONS[facts.kind].load(name)
    return change(x, facts.facts, severity, np.random.default_rng(seed))


def spelled(case: str, x: np.ndarray) -> list[tuple[int, ...]]:
    """The words of all texts, one after the other, each as its ids."""
    first = begins(CASES[case].facts)
    return [tuple(word) for row in x for word in words(row, first)]


# ---- laws of all of them ------------------------------------------------------------------------------------------


def test_every_kind_of_input_has_corruptions_and_each_suits_some_record() -> None:
    """No kind is forgotten, and no line of a table leads nowhere."""
    assert set(CORRUPTIONS) == set(KINDS)
    tried = {(CASES[case].kind, name) for case, name in suited()}
    assert tried == {(kind, name) for kind, table in CORRUPTIONS.items() for name in table}


@pytest.mark.parametrize("kind", sorted(CORRUPTIONS))
def test_each_says_what_it_is_and_how_much_is_done(kind: str) -> None:
    """People read the summary, the noun and the unit; five amounts go one way."""
    for name, entry in CORRUPTIONS[kind].items():
        change: Corruption = CORRUPTIONS[kind].load(name)
        assert entry.summary and change.noun and change.unit
        for shape in ((28, 28, 1), (64, 64, 3), (224, 300, 3)):
            steps = np.diff(change.amounts(shape))
            assert len(steps) == 4 and ((steps > 0).all() or (steps < 0).all()), name


@settings(max_examples=80, deadline=None)
@given(pair=st.sampled_from(suited()), severity=st.integers(0, 5), seed=st.integers(0, 10**6), n=st.integers(1, 6))
def test_shape_type_and_absent_records_stay(pair: tuple[str, str], severity: int, seed: int, n: int) -> None:
    """The model meets an array like the one it knows; what was given is not touched; the seed fixes the outcome."""
    case, name = pair
    x = material(case, 6, seed % 7)[6 - n :]
    before = x.copy()
    out = corrupted(case, name, severity, x, seed)
    assert out.shape == x.shape and out.dtype == x.dtype and not np.shares_memory(out, x)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(out, corrupted(case, name, severity, x, seed))
    np.testing.assert_array_equal(present(out), present(x))
    np.testing.assert_array_equal(out[~present(x)], x[~present(x)])
    if severity == 0:
        np.testing.assert_array_equal(out, x)


@pytest.mark.parametrize(("case", "name"), suited())
def test_what_is_done_grows_with_severity(case: str, name: str) -> None:
    """From the same lots each severity does at least as much as the one below, and the last one does something."""
    x = material(case, 40)
    length = (x != PADDING).sum()
    found = []
    for severity in (0, *SEVERITIES):
        out = corrupted(case, name, severity, x, 3)
        if name in ("word_drop", "deletion"):
            found.append(float(length - ((out != PADDING) & (out != UNKNOWN)).sum()))
        elif name == "rewriting":
            found.append(float((out != x).any(axis=1).sum()))
        elif name == "typos":
            found.append(float(sum(a != b for a, b in zip(spelled(case, x), spelled(case, out), strict=True))))
        elif CASES[case].kind == "sequence":
            found.append(float((out != x).sum()))
        elif CASES[case].kind == "image":
            found.append(float(np.abs(out.astype(float) - x).mean()))
        elif name in ("missing_values", "miscoding") or name.startswith("missing_"):
            found.append(float((~((out == x) | (np.isnan(out) & np.isnan(x)))).sum()))
        else:
            found.append(float(np.nansum(np.abs(out.astype(float) - x))))
    assert (np.diff(found) >= -1e-9).all() and found[-1] > found[0], found


def test_there_are_five_severities() -> None:
    """Others are a mistake of whoever asks."""
    for wrong in (-1, 6):
        with pytest.raises(ValueError, match="from 0 to 5"):
            corrupted("grey", "contrast", wrong, material("grey"))


@given(seed=st.integers(0, 10**6), share=st.floats(0, 1))
def test_lots_never_take_all_and_are_nested(seed: int, share: float) -> None:
    """Whoever is lost at a share is lost at every larger one; one of each row is spared."""
    among = np.random.default_rng(seed).random((5, 8)) < 0.6
    few, many = (lots(np.random.default_rng(seed), among, s) for s in (share, 1.0))
    assert not (few & ~among).any() and not (few & ~many).any()
    np.testing.assert_array_equal(many.sum(axis=1), np.maximum(among.sum(axis=1) - 1, 0))


# ---- images -------------------------------------------------------------------------------------------------------


def photographs(n: int, side: int, channels: int) -> np.ndarray:
    """Smooth pictures of middle brightness, for which nothing is cut off."""
    random = np.random.default_rng(5)
    rough = random.normal(0, 1, (n, side, side, channels))
    smooth = np.stack([filters.gaussian(one, 2, channel_axis=-1) for one in rough])
    return (110 + 25 * smooth / smooth.std()).clip(30, 200).astype(np.uint8)


def of_image(name: str, x: np.ndarray, severity: int) -> np.ndarray:
    change: Corruption = CORRUPTIONS["image"].load(name)
    return change(x, {}, severity, np.random.default_rng(0))


def test_blur_is_that_of_the_benchmark() -> None:
    """As scikit-image blurs each picture, whose defaults the benchmark's authors use."""
    x = photographs(3, 64, 3)
    for severity, sigma in zip(SEVERITIES, (0.5, 0.75, 1, 1.25, 1.5), strict=True):
        expected = [filters.gaussian(one / 255, sigma, channel_axis=-1) * 255 for one in x]
        assert np.abs(of_image("gaussian_blur", x, severity) - np.array(expected)).max() <= 0.5 + 1e-3


def test_brightness_is_the_value_of_hsv() -> None:
    """As scikit-image goes to HSV and back; a grey picture is raised as it is."""
    x = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.uint8)
    x[:, :3] = 0  # black has no hue
    hsv = color.rgb2hsv(x / 255)
    hsv[..., 2] = np.clip(hsv[..., 2] + 0.3, 0, 1)
    assert np.abs(of_image("brightness", x, 3) - color.hsv2rgb(hsv) * 255).max() <= 0.51
    grey = photographs(2, 64, 1)
    assert np.abs(of_image("brightness", grey, 1) - np.minimum(grey + 25.5, 255)).max() <= 0.51


def test_contrast_keeps_the_mean_and_a_share_of_the_spread() -> None:
    """At severity 3 of pictures of 64 pixels a fifth is left."""
    x = photographs(5, 64, 3)
    out = of_image("contrast", x, 3).astype(float)
    np.testing.assert_allclose(out.mean(axis=(1, 2)), x.mean(axis=(1, 2)), atol=0.1)
    np.testing.assert_allclose(out.std(axis=(1, 2)), 0.2 * x.std(axis=(1, 2)), rtol=0.02)


def test_noise_has_the_deviation_that_is_said() -> None:
    """Each pixel on its own, as a share of 255."""
    x = np.full((8, 64, 64, 1), 128, np.uint8)
    for severity, share in zip(SEVERITIES, (0.04, 0.08, 0.12, 0.15, 0.18), strict=True):
        out = of_image("gaussian_noise", x, severity).astype(float) - 128
        assert out.std() == pytest.approx(255 * share, rel=0.03) and abs(out.mean()) < 1


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_a_file_of_that_quality(channels: int) -> None:
    """The same as writing the picture to a file and reading it again."""
    x = photographs(2, 64, channels)
    file = BytesIO()
    Image.fromarray(x[1].squeeze()).save(file, "JPEG", quality=50)
    np.testing.assert_array_equal(of_image("jpeg", x, 3)[1].squeeze(), np.asarray(Image.open(file)))


def test_a_shift_of_colours_is_a_factor_for_each_channel() -> None:
    """The largest is what is said, no channel goes the way of both others, and each picture has its own."""
    x = np.full((50, 16, 16, 3), 100, np.uint8)
    factors = of_image("colour_shift", x, 5).astype(float)[:, 0, 0] / 100
    np.testing.assert_allclose(np.abs(factors - 1).max(axis=1), 0.3, atol=0.006)
    assert ((factors > 1).any(axis=1) & (factors < 1).any(axis=1)).all()
    assert len(np.unique(factors, axis=0)) > 40


@pytest.mark.parametrize(("side", "expected"), [(28, 0.7), (32, 0.7), (64, 1.0), (112, 1.0), (128, 3.0), (224, 3.0)])
def test_constants_are_those_of_the_benchmark_nearest_in_size(side: int, expected: float) -> None:
    """CIFAR-10-C, Tiny ImageNet-C or ImageNet-C; the shorter side counts."""
    change: Corruption = CORRUPTIONS["image"].load("gaussian_blur")
    assert change.amounts((side, side * 2, 3))[2] == expected


def test_what_needs_colours_says_so() -> None:
    """Of one channel or of four there is no white balance; JPEG has one or three."""
    reasons = {name: CORRUPTIONS["image"].load(name).unsuited({}, (32, 32, 4)) for name in CORRUPTIONS["image"]}
    assert {name for name, reason in reasons.items() if reason} == {"jpeg", "colour_shift"}
    assert reasons["colour_shift"] == "colours need 3 channels, the images have 4"


# ---- signals ------------------------------------------------------------------------------------------------------


def heard(name: str, severity: int, n: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A flat ECG of 4 s at 500 Hz, and what was added to it."""
    x = np.zeros((n, *CASES["ecg"].shape), np.float32)
    x[:, 0] = -1e-3  # not a quantity that is never negative
    return x, corrupted("ecg", name, severity, x) - x


def test_the_mains_hum_at_50_hz() -> None:
    """One line in the spectrum, of the amplitude that is said."""
    _, added = heard("powerline", 4)
    frequency, power = spectra.periodogram(added[0, :, 0], 500)
    assert frequency[power.argmax()] == pytest.approx(50, abs=0.3)
    assert np.abs(added).max() == pytest.approx(0.8 * 0.2, rel=0.01)


def test_the_baseline_wanders_as_slowly_as_a_breath() -> None:
    """Between .15 and .5 Hz; a sine obeys y'' = -(2 pi f)^2 y, which tells f within less than a period."""
    _, added = heard("baseline_wander", 3)
    bend = np.diff(added.astype(np.float64), 2, axis=1) * 500**2
    middle = added[:, 1:-1].astype(np.float64)
    squared = -(bend * middle).sum(axis=(1, 2)) / (middle**2).sum(axis=(1, 2))
    found = np.sqrt(squared) / (2 * np.pi)
    assert (found > 0.14).all() and (found < 0.51).all() and found.std() > 0.03
    assert 0.15 < np.abs(added).max() <= 0.2 + 1e-6


def test_noise_of_a_signal_is_relative_to_the_training_records() -> None:
    """So many standard deviations of each channel, whatever its unit."""
    facts = {**signal(200, 3).facts, "std": [1.0, 5.0, 0.1]}
    x = np.random.default_rng(0).normal(0, 1, (50, 200, 3)).astype(np.float32)
    out = CORRUPTIONS["signal"].load("gaussian_noise")(x, facts, 3, np.random.default_rng(0))
    np.testing.assert_allclose((out - x).std(axis=(0, 1)), 0.4 * np.array([1.0, 5.0, 0.1]), rtol=0.03)


@pytest.mark.parametrize(("severity", "lost"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 6)])
def test_of_twelve_leads_some_go_flat(severity: int, lost: int) -> None:
    """At the mean of the training records; others are as they were, and what was missing stays missing."""
    x = material("ecg", 5)
    out = corrupted("ecg", "lead_drop", severity, x)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(x))
    flat = (np.isnan(out) | (out == 0.5)).all(axis=1)
    same = ((out == x) | np.isnan(x)).all(axis=1)
    np.testing.assert_array_equal(flat[:4].sum(axis=1), lost)
    assert (flat | same).all()


def test_masks_and_times_say_what_they_said() -> None:
    """Noise is of observations, and is carried forward with each; a value that was missing stays missing."""
    x = material("irregular", 30)
    out = corrupted("irregular", "gaussian_noise", 3, x)
    np.testing.assert_array_equal(out[..., 3:], x[..., 3:])
    np.testing.assert_array_equal(np.isnan(out), np.isnan(x))
    carried = (x[:, 1:, 3:6] == 0) & ~np.isnan(x[:, 1:, :3])
    np.testing.assert_array_equal(out[:, 1:, :3][carried], out[:, :-1, :3][carried])
    assert (out[..., :3] != x[..., :3])[x[..., 3:6] > 0].mean() > 0.9


def test_what_is_never_negative_stays_so() -> None:
    """Noise makes no negative laboratory value."""
    x = np.abs(material("irregular", 30))
    assert np.nanmin(corrupted("irregular", "gaussian_noise", 5, x)) >= 0
    table = np.abs(material("tabular", 30))
    assert np.nanmin(corrupted("tabular", "noise", 5, table / 50)) >= 0


def test_missing_observations_are_as_if_they_had_never_been(tmp_path: Path) -> None:
    """The array is what the decoder makes of the table without them."""
    random = np.random.default_rng(2)
    rows = pd.DataFrame(
        [
            (f"stay {k}", 10 * step + 3, f"v{v}", float(random.normal(50, 9)))
            for k in range(15)
            for step in range(24)
            for v in range(3)
            if random.random() < 0.3
        ],
        columns=["stay", "time", "variable", "value"],
    )
    keys = np.array([f"stay {k}" for k in range(15)], object)
    spec = Events(table="t", record="stay", bin=10, length=24)

    def decoded(frame: pd.DataFrame) -> np.ndarray:
        frame.to_csv(tmp_path / "t.csv", index=False)
        return np.concatenate(
            list(observations.bins(Observations(tmp_path / "t.csv", spec, keys), ["v0", "v1", "v2"], {}))
        )

    x = decoded(rows)
    np.testing.assert_array_equal(keep(x, CASES["irregular"].facts, np.ones((15, 24, 3), bool)), x)
    for name in ("missing_variables", "missing_steps"):
        out = corrupted("irregular", name, 5, x)
        stays = rows["stay"].str[5:].astype(int), rows["time"] // 10, 3 + rows["variable"].str[1:].astype(int)
        left = rows[out[stays] == 1]
        assert len(left) < 0.8 * len(rows)
        np.testing.assert_array_equal(out, decoded(left))
        seen, was = (array[..., 3:6] > 0 for array in (out, x))
        if name == "missing_variables":  # a variable is lost as a whole
            assert (seen.any(axis=1)[:, None] & was == seen).all()
        else:
            assert (seen.any(axis=2)[..., None] & was == seen).all()


@pytest.mark.parametrize(
    ("case", "facts", "left_out"),
    [
        ("ecg", {}, {"missing_variables", "missing_steps"}),
        ("ecg", {"step": 0.01}, {"missing_variables", "missing_steps", "powerline"}),
        ("ecg", {"step": 2.0}, {"missing_variables", "missing_steps", "powerline", "baseline_wander"}),
        ("ecg", {"unit": None}, {"missing_variables", "missing_steps", "powerline", "baseline_wander"}),
        ("lead", {}, {"missing_variables", "missing_steps", "lead_drop"}),
        ("irregular", {}, {"lead_drop", "powerline", "baseline_wander"}),
    ],
)
def test_what_does_not_suit_a_signal_is_left_out_with_a_reason(
    case: str, facts: dict[str, Any], left_out: set[str]
) -> None:
    """Hum needs more than 100 values a second, breath a known rate, a lost lead another one."""
    table = CORRUPTIONS["signal"]
    reasons = {name: table.load(name).unsuited(CASES[case].facts | facts, CASES[case].shape) for name in table}
    assert {name for name, reason in reasons.items() if reason} == left_out


# ---- texts --------------------------------------------------------------------------------------------------------


@given(word=st.text("abcde", min_size=4, max_size=12), error=st.floats(0, 0.999), place=st.floats(0, 0.999))
def test_a_typing_error_is_one_and_changes_the_word(word: str, error: float, place: float) -> None:
    """A neighbour swapped, a letter less, or a letter twice."""
    wrong = misspell(word, error, place)
    assert wrong != word and abs(len(wrong) - len(word)) <= 1
    if len(wrong) == len(word):
        (first, second) = (k for k in range(len(word)) if word[k] != wrong[k])
        assert second == first + 1 and Counter(word) == Counter(wrong)
    elif len(wrong) < len(word):
        assert any(word[:k] + word[k + 1 :] == wrong for k in range(len(word)))
    else:
        assert any(word[: k + 1] + word[k:] == wrong for k in range(len(word)))


def test_words_that_are_misspelled_are_mostly_unknown_and_their_share_is_as_said() -> None:
    """Of a vocabulary of whole words; what is short, a number or unknown is never misspelled."""
    vocabulary = [*SPECIAL, "of", "39.5", "t2dm", "cough", "cuogh", "fever"]
    x = np.tile(np.array([2, 3, 4, 1, 5, 7, 0], np.int32), (4000, 1))
    out = CORRUPTIONS["text"].load("typos")(x, {"vocabulary": vocabulary}, 4, np.random.default_rng(0))
    np.testing.assert_array_equal(out[:, [0, 1, 2, 3, 6]], x[:, [0, 1, 2, 3, 6]])
    assert (out[:, [4, 5]] != x[:, [4, 5]]).mean() == pytest.approx(0.2, abs=0.02)
    assert set(np.unique(out[:, 4])) == {UNKNOWN, 5, 6}  # swapped letters may be another known word


@pytest.mark.parametrize("tokenizer", ["wordpiece", "bpe"])
def test_a_misspelled_word_is_cut_again(tokenizer: str) -> None:
    """What the model reads is what the tokenizer makes of the misspelled text."""
    facts, x = CASES[tokenizer].facts, material(tokenizer, 30)
    out = corrupted(tokenizer, "typos", 5, x)
    mark = {"wordpiece": pieces.CONTINUES, "bpe": pieces.BEGINS}[tokenizer]
    changed = 0
    for before, after in zip(x[:-1], out[:-1], strict=True):
        spelled = [
            [
                "".join(facts["vocabulary"][each].removeprefix(mark) for each in word)
                for word in words(row, begins(facts))
            ]
            for row in (before, after)
        ]
        assert len(spelled[0]) == len(spelled[1])
        changed += sum(a != b for a, b in zip(*spelled, strict=True))
        assert all(abs(len(a) - len(b)) <= 1 for a, b in zip(*spelled, strict=True))
        np.testing.assert_array_equal(texts.tokenise(facts, [" ".join(spelled[1])])[0], after)
    assert changed > 5


@pytest.mark.parametrize("case", ["text", "wordpiece", "bpe"])
def test_words_that_are_left_out_leave_the_others_in_order(case: str) -> None:
    """Whole words go, the rest moves up, and no text is emptied."""
    x = material(case, 20)
    out = corrupted(case, "word_drop", 5, x)
    first = begins(CASES[case].facts)
    for before, after in zip(x, out, strict=True):
        was, now = words(before, first), words(after, first)
        rest = iter(was)
        assert all(word in rest for word in now)
        assert bool(now) == bool(was)


# ---- sequences ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind_of", "letters"), [("dna", "ACGT"), ("protein", "ACDEFGHIKLMNPQRSTVWY")])
def test_misread_letters_are_others_of_the_alphabet(kind_of: str, letters: str) -> None:
    """Each of the others as likely; codes of several, what is unknown and padding stay."""
    alphabet = [*SPECIAL, *alphabets.LETTERS[kind_of]]
    ids = np.array([alphabet.index(letter) for letter in letters])
    x = np.tile(np.arange(len(alphabet), dtype=np.uint8), (20_000, 1))
    out = CORRUPTIONS["sequence"].load("substitution")(
        x, {"kind_of": kind_of, "alphabet": alphabet}, 5, np.random.default_rng(0)
    )
    wrong = out != x
    assert set(np.unique(np.nonzero(wrong)[1])) == set(ids) and set(np.unique(out[wrong])) == set(ids)
    assert wrong[:, ids].mean() == pytest.approx(0.2, abs=0.01)
    counts = np.unique(out[:, ids[0]][wrong[:, ids[0]]], return_counts=True)[1]
    assert len(counts) == len(ids) - 1 and counts.min() > 0.7 * counts.mean()


@pytest.mark.parametrize(("case", "fill"), [("dna", PADDING), ("aligned", UNKNOWN)])
def test_lost_letters_let_the_rest_move_up(case: str, fill: int) -> None:
    """At the end nothing follows, or of sequences cut out around a site something that is not known."""
    x = np.random.default_rng(0).integers(2, 6, (30, 20)).astype(np.uint8)
    out = corrupted(case, "deletion", 5, x)
    for before, after in zip(x, out, strict=True):
        kept = after[after > UNKNOWN]
        rest = iter(before.tolist())
        assert all(letter in rest for letter in kept.tolist())
        assert (after[len(kept) :] == fill).all()
    assert (out == fill).any()


def test_a_rewritten_molecule_is_the_same_one() -> None:
    """Another SMILES that RDKit reads as the same; unreadable ones stay."""
    facts = CASES["smiles"].facts
    x = sequence.tokenise(facts, [*SMILES, "CCCC(", "OCC=1"])
    x = np.concatenate([x, np.where(x == x[0, 0], UNKNOWN, x)[:1]])
    out = corrupted("smiles", "rewriting", 5, x)
    spelled = [["".join(facts["alphabet"][each] for each in row if each) for row in rows] for rows in (x, out)]
    assert scaffolds.canonical(spelled[0][:6]) == scaffolds.canonical(spelled[1][:6])
    assert sum(a != b for a, b in zip(*spelled, strict=True)) >= 4
    np.testing.assert_array_equal(out[6:], x[6:])


def test_another_letter_in_a_smiles_is_not_tried() -> None:
    """It would be another molecule; and only a molecule has several ways of being written."""
    table = CORRUPTIONS["sequence"]
    reasons = {name: table.load(name).unsuited(CASES["smiles"].facts, (40,)) for name in table}
    assert "another molecule" in reasons["substitution"] and "another molecule" in reasons["deletion"]
    assert "only a molecule" in table.load("rewriting").unsuited(CASES["dna"].facts, (20,))
    assert table.load("substitution").unsuited({}, (20,)) == "the alphabet of the sequences is not known"


# ---- tables -------------------------------------------------------------------------------------------------------


def test_values_go_missing_and_no_row_is_emptied() -> None:
    """Their share is as said; what is left is as it was."""
    facts = CASES["tabular"].facts
    x = np.ones((5000, 4), np.float32)
    out = CORRUPTIONS["tabular"].load("missing_values")(x, facts, 4, np.random.default_rng(0))
    gone = np.isnan(out)
    assert gone.mean() == pytest.approx(0.3, abs=0.02) and not gone.all(axis=1).any()
    np.testing.assert_array_equal(out[~gone], x[~gone])


def test_numbers_get_noise_and_categories_none() -> None:
    """Standard deviations of each column; a constant one and a missing value stay."""
    x = material("tabular", 4000)
    x[:, 0] -= 100
    out = corrupted("tabular", "noise", 4, x)
    np.testing.assert_array_equal(out[:, 1:], x[:, 1:])
    np.testing.assert_array_equal(np.isnan(out), np.isnan(x))
    assert np.nanstd(out[:, 0] - x[:, 0]) == pytest.approx(0.4 * 12, rel=0.05)


def test_a_wrong_category_is_another_known_one() -> None:
    """Unknown levels, missing ones and numbers stay."""
    x = material("tabular", 4000)
    out = corrupted("tabular", "miscoding", 4, x)
    np.testing.assert_array_equal(out[:, [0, 2]], x[:, [0, 2]])
    for place, levels in ((1, 3), (3, 4)):
        known = x[:, place] >= 1
        np.testing.assert_array_equal(out[~known, place], x[~known, place])
        wrong = known & (out[:, place] != x[:, place])
        assert wrong[known].mean() == pytest.approx(0.2, abs=0.03)
        assert set(out[wrong, place].tolist()) == set(range(1, levels))


def test_what_a_table_lacks_is_a_reason() -> None:
    """Numbers alone cannot be miscoded, and a single column cannot be lost."""
    only: dict[str, Any] = {"features": [{"name": "age", "kind": "number", "mean": 1.0, "std": 1.0}]}
    table = CORRUPTIONS["tabular"]
    assert {name for name in table if table.load(name).unsuited(only, (1,))} == {"missing_values", "miscoding"}
    assert json.dumps(only)  # facts are JSON, as a card holds them
