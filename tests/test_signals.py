"""The kind `signal`: what is done to the numbers, kept, learnt and told."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from madesignals import (
    OLD,
    WAVE,
    Listener,
    finding,
    fit,
    from_table,
    kinds,
    make,
    read,
    save,
    values,
)

from automed.data.checks.signals import summarise
from automed.data.decode import signals, waveforms
from automed.data.decode.steps import lay_out
from automed.data.kinds.kind import ABSENT
from automed.data.kinds.signal import KIND
from automed.data.records import Arrays, Files, Observations
from automed.errors import DataError, RecipeError

pytestmark = pytest.mark.usefixtures("fresh_cache")

# ---- what is done to the numbers

blocks = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 3)),
    elements=st.one_of(st.floats(-1e3, 1e3, width=32), st.sampled_from([np.nan, np.inf, -np.inf, -0.0])),
)


@settings(deadline=None)
@example(np.array([[[-1.40129846e-45], [0.0]]]), 1, 2, 1.0)
@given(blocks, st.integers(1, 15), st.integers(1, 5), st.sampled_from([1.0, 0.001, -2.0]))
def test_laying_out_scales_averages_pads_and_cuts(
    given_: npt.NDArray[np.float64], length: int, average: int, scale: float
) -> None:
    """Each step is the mean of its neighbours that are known; beyond the end there is NaN; infinity is nowhere."""
    laid = lay_out(given_, length, scale=scale, average=average)
    clean = np.where(np.isfinite(given_), given_ * scale, np.nan)
    assert laid.values.shape == (len(given_), length, given_.shape[2]) and laid.values.dtype == np.float32
    assert not np.isinf(laid.values).any() and not np.signbit(laid.values[laid.values == 0]).any()
    for place in range(length):
        group = clean[:, place * average : (place + 1) * average]
        known = ~np.isnan(group)
        expected = np.where(
            known.any(axis=1), np.where(known, group, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1), np.nan
        )
        assert np.allclose(laid.values[:, place], expected, rtol=1e-4, atol=1e-4, equal_nan=True)
    assert (laid.infinite == np.isinf(given_).any(axis=(1, 2))).all()
    for row, steps in enumerate(laid.steps):
        last = np.flatnonzero(~np.isnan(clean[row]).all(axis=1))
        assert steps == (last[-1] // average + 1 if len(last) else 0)


def test_nan_and_infinity_are_said_with_rows(tmp_path: Path) -> None:
    """Infinity becomes missing with a warning, gaps are a note, missing steps at the end are none."""
    stored = np.stack([WAVE] * 4)
    stored[0, 5, 1], stored[2, 7, 0], stored[3, 30:] = np.inf, np.nan, np.nan
    held = read(tmp_path, "length: 40", Arrays(stored))
    assert not np.isinf(values(held)).any() and np.isnan(values(held)[0, 5, 1])
    fitted = fit(tmp_path, "length: 40", held)
    infinite = finding(fitted, "infinite_values")
    assert infinite.rows == (1,) and infinite.severity == "warning" and infinite.count == 1
    assert finding(fitted, "missing_steps").rows == (1, 3) and finding(fitted, "padded").rows == (4,)
    assert np.isfinite([*fitted.facts["mean"], *fitted.facts["std"]]).all()


def test_findings_are_about_the_records_that_are_kept(tmp_path: Path) -> None:
    """A record that was dropped is in no finding."""
    stored = np.stack([WAVE] * 3)
    stored[:2, 5] = np.inf
    held = read(tmp_path, "length: 40", Arrays(stored))
    fitted = KIND.fit(make(tmp_path, "length: 40"), held, "ecg", np.array([1, 2]), np.array([0]), np.array([12, 13]))
    assert finding(fitted, "infinite_values").rows == (12,)


# ---- the cache


def test_a_second_read_decodes_nothing_and_knows_as_much(tmp_path: Path, fresh_cache: Path) -> None:
    """Notes come back with the array; without them they are made anew, and the array is not."""
    files = Files(tuple(save(tmp_path, f"{n}.npy", np.where(WAVE[:n] > 2, np.inf, WAVE[:n])) for n in (40, 25)))
    first = read(tmp_path, "column: file", files)
    again = Listener()
    second = read(tmp_path, "column: file", files, again)
    assert not again.calls and second.content.key == first.content.key
    assert second.content.notes == first.content.notes and isinstance(second.content.values, np.memmap)
    (place,) = fresh_cache.glob(f"decoded/*/{signals.NOTES}")
    stamp = second.content.path.stat().st_mtime_ns
    for damage in (b"", b"{}", b"[]", b'{"shape": [1], "channels": []}'):
        place.write_bytes(damage)
        third = read(tmp_path, "column: file", files)
        assert third.content.notes == first.content.notes and third.content.path.stat().st_mtime_ns == stamp
        assert json.loads(place.read_text())["shape"] == [2, 40, 3]


def test_content_order_and_treatment_each_make_another_entry(tmp_path: Path) -> None:
    """What is only shown makes none."""
    files = Files(tuple(save(tmp_path, f"{n}.npy", WAVE + n) for n in range(2)))
    asked = ("column: file", "column: file, length: 30", "column: file, scale: 2", "column: file, average: 2")
    keys = [read(tmp_path, signal, files).content.key for signal in asked]
    keys.append(read(tmp_path, asked[0], Files(files.paths[::-1])).content.key)
    assert read(tmp_path, "column: other, rate: 100", files).content.key == keys[0]
    save(tmp_path, "0.npy", WAVE - 5)
    os.utime(tmp_path / "0.npy", (OLD + 1, OLD + 1))
    keys.append(read(tmp_path, asked[0], files).content.key)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("kind", ["files", "gone", "array", "events"])
def test_what_changes_while_it_is_read_is_kept_under_no_name(
    tmp_path: Path, fresh_cache: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The entry is found by content, so other content must never get into it."""
    decode, lay = waveforms.decode, signals.lay_out

    def changing(path: Path) -> Any:
        path.unlink() if kind == "gone" else np.save(path, WAVE + 1)
        return decode(path)

    def changing_array(*args: Any, **kwargs: Any) -> Any:
        np.save(tmp_path / "x.npy", np.stack([WAVE + 1] * 3))
        return lay(*args, **kwargs)

    signal, items = "column: file", Files((save(tmp_path, "a.npy"),))
    if kind in ("files", "gone"):
        monkeypatch.setattr(waveforms, "decode", changing)
    elif kind == "array":
        np.save(tmp_path / "x.npy", np.stack([WAVE] * 3))
        os.utime(tmp_path / "x.npy", (OLD, OLD))
        signal = "array: x.npy"
        monkeypatch.setattr(signals, "lay_out", changing_array)
        items = KIND.items(make(tmp_path, signal), "ecg", pd.DataFrame({"n": range(3)}), np.arange(1, 4))  # type: ignore[assignment]
    else:
        signal, items = _events(tmp_path, [("a", 1, "HR", 1), ("a", 2, "HR", 2)], ["a"])  # type: ignore[assignment]
        bins = signals.observations.bins

        def changing_table(*args: Any) -> Any:
            yield from bins(*args)
            _events(tmp_path, [("a", 1, "HR", 9)], ["a"])

        monkeypatch.setattr(signals.observations, "bins", changing_table)
    with pytest.raises(DataError, match="changed while it was read"):
        read(tmp_path, signal, items)
    assert not list(fresh_cache.glob("decoded/*/images.npy"))


def test_progress_ends_with_all(tmp_path: Path) -> None:
    """(done, total) in records, whatever is read."""
    files = Files(tuple(save(tmp_path, f"{n}.npy", WAVE + n) for n in range(5)))
    for signal, items in (
        ("column: file", files),
        ("length: 8", Arrays(np.random.default_rng(0).normal(size=(5, 8)))),
        _events(tmp_path, [(key, 1, "HR", 1) for key in "abcde"], list("abcde")),
    ):
        listener = Listener()
        read(tmp_path, signal, items, listener)
        assert listener.calls[-1] == (5, 5)


# ---- what is learnt


@settings(deadline=None, max_examples=40)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(2, 9), st.integers(2, 7), st.integers(1, 3)),
        elements=st.one_of(st.floats(-100, 100, width=32), st.just(float("nan"))),
    ),
    st.data(),
)
def test_statistics_are_of_the_training_records_alone(values_: npt.NDArray[np.float32], data: st.DataObject) -> None:
    """Mean and deviation are numpy's over all that is known in train, in whatever blocks and order they are read."""
    position = np.array(data.draw(st.permutations(range(len(values_)))))
    train = np.array(data.draw(st.lists(st.integers(0, len(values_) - 1), unique=True, min_size=1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("automed.data.checks.signals._BLOCK_BYTES", data.draw(st.sampled_from([1, 200, 10**6])))
        summary = summarise(values_, position, train)
    seen = values_[position[train]].astype(np.float64)
    for channel in range(values_.shape[2]):
        known = seen[..., channel][~np.isnan(seen[..., channel])]
        assert summary.count[channel] == len(known)
        if len(known):
            found = [summary.mean[channel], summary.std[channel], summary.low[channel], summary.high[channel]]
            assert np.allclose(found, [known.mean(), known.std(), known.min(), known.max()], atol=1e-4)
        for row, place in enumerate(position):
            own = np.sort(values_[place, :, channel][~np.isnan(values_[place, :, channel])])
            assert summary.medians[row, channel] == own[(len(own) - 1) // 2] if len(own) else True


def test_facts_are_what_a_model_needs(tmp_path: Path) -> None:
    """Plain JSON; one channel a value; a rate gives seconds, and averaging makes steps longer."""
    signal = "length: 20, rate: 100, average: 2, channels: [I, II, V1]"
    fitted = fit(tmp_path, signal, read(tmp_path, signal, Arrays(np.stack([WAVE, WAVE + 1]))), train=[0])
    facts = json.loads(json.dumps(fitted.facts))
    halved = WAVE.reshape(20, 2, 3).mean(axis=1)
    assert np.allclose(facts.pop("mean"), halved.mean(axis=0), atol=1e-5)
    assert np.allclose(facts.pop("std"), halved.std(axis=0), atol=1e-5)
    assert facts == {
        "channels": ["I", "II", "V1"],
        "roles": ["value"] * 3,
        "values": [0, 1, 2],
        "usable": [True] * 3,
        "step": 0.02,
        "unit": "s",
        "irregular": False,
    }
    assert not fitted.findings


def test_a_constant_channel_is_said_and_divides_by_one(tmp_path: Path) -> None:
    """Constant in all training records, whatever the others hold."""
    stored = np.stack([WAVE, WAVE + 1, WAVE + 2])
    stored[:2, :, 1] = 7
    fitted = fit(
        tmp_path, "length: 40, channels: [I, II, V1]", read(tmp_path, "length: 40", Arrays(stored)), train=[0, 1]
    )
    assert fitted.facts["std"][1] == 1.0 and fitted.facts["mean"][1] == 7.0 and fitted.facts["usable"][1]
    found = finding(fitted, "constant_channel")
    assert found.severity == "warning" and "channel 2" in found.message


def test_a_channel_that_no_training_record_has_is_not_usable(tmp_path: Path) -> None:
    """It is said, and standardising by it changes nothing."""
    stored = np.stack([WAVE, WAVE + 1, WAVE + 2])
    stored[:2, :, 2] = np.nan
    fitted = fit(tmp_path, "length: 40", read(tmp_path, "length: 40", Arrays(stored)), train=[0, 1])
    assert fitted.facts["usable"] == [True, True, False]
    assert (fitted.facts["mean"][2], fitted.facts["std"][2]) == (0.0, 1.0)
    assert "channel 3" in finding(fitted, "not_in_training").message


def test_a_signal_that_every_record_lacks_is_an_error(tmp_path: Path) -> None:
    """When it is read, and when the training records have none."""
    with pytest.raises(DataError, match="not one of 2 signals can be read"):
        read(tmp_path, "length: 4", Arrays(np.full((2, 4), np.nan)))
    with pytest.raises(DataError, match="not one of 2 signals") as raised:
        read(tmp_path, "column: file", Files((tmp_path / "a.npy", tmp_path / "b.npy")))
    assert "missing" in str(raised.value)
    stored = np.stack([WAVE, np.full_like(WAVE, np.nan)])
    held = read(tmp_path, "length: 40", Arrays(stored))
    with pytest.raises(DataError, match="missing in every training record"):
        KIND.fit(make(tmp_path, "length: 40"), held, "ecg", np.arange(2), np.array([1]), np.array([1, 2]))


def test_channels_where_steps_should_be_are_said(tmp_path: Path) -> None:
    """(records, channels, steps) is the other habit."""
    held = read(tmp_path, "length: 3", Arrays(np.random.default_rng(0).normal(size=(4, 3, 50))))
    assert "channels_first" in kinds(fit(tmp_path, "length: 3", held))
    assert "channels_first" not in kinds(fit(tmp_path, "length: 40", read(tmp_path, "length: 40", Arrays(WAVE[None]))))


def _pressures(n: int = 60) -> npt.NDArray[np.float64]:
    """Positive signals of one channel, around 90 with the spread of a vital sign."""
    random = np.random.default_rng(1)
    return np.exp(random.normal(np.log(90), 0.2, (n, 1, 1)) + random.normal(0, 0.05, (n, 30, 1)))


@pytest.mark.parametrize("factor", [1000.0, 1 / 1000])
def test_a_few_records_in_another_unit_are_said_with_rows_and_never_with_values(tmp_path: Path, factor: float) -> None:
    """The variable, how many records, and which rows."""
    stored = _pressures()
    stored[[4, 17, 30]] *= factor
    fitted = fit(
        tmp_path, "length: 30, channels: [pressure]", read(tmp_path, "length: 30, channels: [pressure]", Arrays(stored))
    )
    found = finding(fitted, "other_unit")
    assert found.rows == (5, 18, 31) and found.count == 3 and found.severity == "warning"
    assert "pressure" in found.message and "3 signals" in found.message
    assert not any(text in found.message for text in ("90", "90,000", "0.09"))


def test_wide_distributions_signed_signals_and_many_records_are_no_other_unit(tmp_path: Path) -> None:
    """Enzymes span decades; an ECG has both signs; a fifth of the records are no few."""
    random = np.random.default_rng(2)
    enzymes = np.exp(random.normal(4, 1.8, (300, 1, 1)) + random.normal(0, 0.1, (300, 9, 1)))
    assert enzymes.max() > 120 * np.median(enzymes)
    ecg = random.normal(0.5, 0.4, (60, 30, 1))
    ecg[:3] *= 1000
    both = _pressures()
    both[:12] *= 1000
    for stored in (enzymes, ecg, both, _pressures()):
        assert "other_unit" not in kinds(fit(tmp_path, "length: 30", read(tmp_path, "length: 30", Arrays(stored))))


# ---- duplicates


def test_equal_signals_are_duplicates_and_flat_ones_are_not(tmp_path: Path) -> None:
    """By their bytes as float32; what has no content equals nothing."""
    flat = np.ones_like(WAVE)
    nothing = np.full_like(WAVE, np.nan)
    stored = np.stack([WAVE, WAVE + 1, WAVE + 1e-12, flat, flat, nothing, nothing, WAVE + 1])
    held = read(tmp_path, "length: 40", Arrays(stored))
    found = KIND.duplicates(held, np.arange(8))
    assert found is not None and found.constant.tolist() == [False] * 3 + [True] * 4 + [False]
    assert found.exact[0] == found.exact[2] and found.exact[1] == found.exact[7]
    assert len(set(found.exact.tolist())) == 6 and set(found.exact.tolist()) == set(range(6))
    assert found.near.shape == found.similar.shape == (0, 2) and found.near.dtype == np.int64
    assert found.exact.dtype == np.int64
    some = KIND.duplicates(held, np.array([7, 2, 1]))
    assert some is not None and some.exact[0] == some.exact[2] != some.exact[1]


def test_zero_and_minus_zero_are_one_number(tmp_path: Path) -> None:
    stored = np.array([[0.0, 1, 2], [-0.0, 1, 2]])
    found = KIND.duplicates(read(tmp_path, "length: 3", Arrays(stored)), np.arange(2))
    assert found is not None and found.exact[0] == found.exact[1]


# ---- observations


def _events(
    folder: Path, rows: Sequence[tuple[object, ...]], keys: Sequence[str], more: str = ""
) -> tuple[str, Observations]:
    """The input and the items of a long table with the columns stay, time, variable, value."""
    pd.DataFrame(rows, columns=["stay", "time", "variable", "value"]).to_csv(folder / "long.csv", index=False)
    signal = f"events: {{table: long.csv, record: stay, bin: 10, length: 4{more}}}"
    items = KIND.items(make(folder, signal), "ecg", pd.DataFrame({"stay": keys}), np.arange(1, len(keys) + 1))
    assert isinstance(items, Observations)
    return signal, items


def test_observations_become_values_masks_and_elapsed_times(tmp_path: Path) -> None:
    """Facts tell the roles; means are of what was observed in training, not of what was carried forward."""
    rows = [("a", 1, "HR", 60), ("a", 12, "HR", 80), ("b", 35, "HR", 100), ("b", 2, "K", 4), ("c", 1, "HR", 999)]
    signal, items = _events(tmp_path, rows, ["a", "b", "c"])
    recipe = make(tmp_path, signal)
    assert list(KIND.fields(recipe, "ecg")) == [("inputs.ecg.events.record", "stay")]
    held = read(tmp_path, signal, items)
    fitted = fit(tmp_path, signal, held, train=[0, 1])
    facts: Mapping[str, Any] = json.loads(json.dumps(fitted.facts))
    assert facts["channels"] == ["HR", "K", "HR (observed)", "K (observed)", "HR (elapsed)", "K (elapsed)"]
    assert facts["roles"] == ["value"] * 2 + ["mask"] * 2 + ["elapsed"] * 2 and facts["values"] == [0, 1]
    assert facts["mean"] == pytest.approx([80, 4, 0, 0, 0, 0])
    assert facts["std"] == pytest.approx([np.std([60, 80, 100]), 1, 1, 1, 2, 2])
    assert facts["irregular"] and (facts["step"], facts["unit"]) == (10, None)
    # Standardised, elapsed times run from 0 to 2.
    assert np.nanmax(values(held)[..., 4:]) / 2 == 2.0


def test_a_record_without_an_observation_is_absent(tmp_path: Path) -> None:
    """One of several inputs may be; a record whose key is empty has none either."""
    signal, items = _events(tmp_path, [("a", 1, "HR", 60), ("a", 2, "HR", 61)], ["a", "b", ""])
    assert read(tmp_path, signal, items).unreadable == {1: ABSENT, 2: ABSENT}
    signal, items = _events(tmp_path, [("a", 1, "HR", 60)], ["x", "y"])
    with pytest.raises(DataError, match="no observation of any record") as raised:
        read(tmp_path, signal, items)
    assert "stay" in str(raised.value)


def test_a_variable_in_test_only_is_said_and_not_usable(tmp_path: Path) -> None:
    """Its value, mask and elapsed time alike; and so is one that the recipe names and nobody has."""
    rows = [("a", 1, "HR", 60), ("b", 1, "HR", 70), ("c", 1, "HR", 80), ("c", 1, "Lactate", 2)]
    signal, items = _events(tmp_path, rows, ["a", "b", "c"])
    fitted = fit(tmp_path, signal, read(tmp_path, signal, items), train=[0, 1])
    assert fitted.facts["usable"] == [True, False] * 3
    found = finding(fitted, "not_in_training")
    assert found.severity == "warning" and "Lactate" in found.message
    signal, items = _events(tmp_path, rows, ["a", "b", "c"], ", variables: [HR, Temp]")
    assert "Temp" in finding(fit(tmp_path, signal, read(tmp_path, signal, items)), "not_in_training").message


def test_what_is_left_out_of_the_table_is_said(tmp_path: Path) -> None:
    """How many rows and why; a warning where they are many; the same when the cache answers."""
    rows = [("a", 1, "HR", 60), ("a", 2, "HR", -1), ("a", -5, "HR", 60), ("a", 99, "HR", 60), ("b", 1, "HR", 61)]
    signal, items = _events(tmp_path, rows, ["a", "b"], ", missing: [-1]")
    for _ in range(2):
        found = finding(fit(tmp_path, signal, read(tmp_path, signal, items)), "observations_left_out")
        assert found.severity == "warning" and found.count == 3
        assert "3 of 5" in found.message and "1 before the first bin" in found.message


def test_units_of_a_variable_are_judged_by_what_was_observed(tmp_path: Path) -> None:
    """The variable is named, and its mask is never taken for a measurement."""
    random = np.random.default_rng(3)
    keys = [f"s{n}" for n in range(50)]
    rows = [(key, t, "glucose", 100 * np.exp(random.normal(0, 0.2))) for key in keys for t in (1, 15, 32)]
    rows = [(key, t, name, value / 1000 if key == "s7" else value) for key, t, name, value in rows]
    signal, items = _events(tmp_path, rows, keys)
    fitted = fit(tmp_path, signal, read(tmp_path, signal, items))
    found = finding(fitted, "other_unit")
    assert found.rows == (8,) and "glucose" in found.message and "missing_steps" not in kinds(fitted)


def test_windows_make_other_entries(tmp_path: Path) -> None:
    """Until, start and keys belong to what is kept."""
    signal, items = _events(tmp_path, [("a", t, "HR", t) for t in (1, 12, 23)], ["a", "a"])
    others = [
        Observations(items.path, items.spec, items.keys, until, start)
        for until, start in (
            (None, None),
            (np.array([9.0, 20]), None),
            (None, np.array([9.0, 20])),
            (np.array([1.0, 20]), None),
        )
    ]
    found = [read(tmp_path, signal, other) for other in others]
    assert len({held.content.key for held in found}) == 4
    assert values(found[1])[:, :, 1].tolist() == [[1, 0, 0, 0], [1, 1, 0, 0]]


def test_a_source_may_give_observations_that_the_recipe_does_not_describe(tmp_path: Path) -> None:
    """A sample of real records brings its own table: what it is like comes from the items alone."""
    _, items = _events(tmp_path, [("a", 1, "HR", 60), ("b", 12, "HR", 70)], ["a", "b"])
    fitted = fit(tmp_path, "length: 4", read(tmp_path, "length: 4", items))
    assert fitted.facts["irregular"] and (fitted.facts["step"], fitted.facts["unit"]) == (10, None)


def test_equal_observations_are_duplicates_unless_they_say_nothing(tmp_path: Path) -> None:
    """Two stays with the same course are one; a single weight that two people share is no course."""
    rows = [(key, t, "HR", 60 + t) for key in "ab" for t in (1, 12, 30)] + [(key, 1, "Weight", 80) for key in "cd"]
    signal, items = _events(tmp_path, rows, list("abcd"))
    found = KIND.duplicates(read(tmp_path, signal, items), np.arange(4))
    assert found is not None and found.exact[0] == found.exact[1] and found.exact[2] != found.exact[3]
    assert not found.constant.any(), "one weight is no failed export"


def test_a_long_table_that_lacks_a_column_is_an_error_of_the_recipe(tmp_path: Path) -> None:
    """With the nearest name; what belongs to regular signals does not go with events."""
    with pytest.raises(RecipeError, match=r"inputs\.ecg\.events\.time.*'times'") as raised:
        _events(tmp_path, [("a", 1, "HR", 1)], ["a"], ", time: times")
    assert "'time'" in str(raised.value)
    (tmp_path / "r.yaml").unlink()
    signal = "events: {table: long.csv, record: stay, bin: 10, length: 4}, average: 2"
    with pytest.raises(RecipeError, match=r"inputs\.ecg\.average does not go with events"):
        KIND.items(make(tmp_path, signal), "ecg", pd.DataFrame({"stay": ["a"]}), np.array([1]))
    (tmp_path / "long.csv").unlink()
    with pytest.raises(DataError, match="not there"):
        KIND.items(
            make(tmp_path, signal.removesuffix(", average: 2")), "ecg", pd.DataFrame({"stay": ["a"]}), np.array([1])
        )


# ---- real data


@pytest.mark.slow
def test_ptb_xl_is_read_in_millivolt(real_data: Path, tmp_path: Path) -> None:
    """500 ECGs of 12 leads; two patients' records stand there twice, byte for byte."""
    frame = pd.read_csv(real_data / "ptbxl500" / "meta.csv")
    leads = "[I, II, III, aVR, aVL, aVF, V1, V2, V3, V4, V5, V6]"
    signal = f'array: "{real_data}/ptbxl500/ecg_100hz.npz:X", rate: 100, scale: 0.001, channels: {leads}'
    held = from_table(tmp_path, signal, frame)
    assert values(held).shape == (500, 1000, 12) and not held.unreadable
    # Einthoven's law holds in real leads, to the rounding of the file.
    assert np.abs(values(held)[..., 0] + values(held)[..., 2] - values(held)[..., 1]).max() < 0.01
    fitted = fit(tmp_path, signal, held)
    assert all(0.1 < deviation < 0.5 for deviation in fitted.facts["std"]) and fitted.facts["step"] == 0.01
    found = KIND.duplicates(held, np.arange(500))
    assert found is not None and 500 - len(np.unique(found.exact)) == 2
