"""The ECG phantom draws the same hearts from the same seed, and plants what its knobs say and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automed import recipe
from automed.data.phantoms.ecg.cases import CLASSES, DEVICES, PREVALENCE, PULSE, strength
from automed.data.phantoms.ecg.leads import LEADS, of_electrodes, of_vector
from automed.data.phantoms.ecg.phantom import Knobs, Phantom, draw, read
from automed.data.records import Arrays, Regions
from automed.errors import RecipeError

COLUMNS = ["patient_id", "dx", "sex", "age", "age_band", "device"]
NORMAL, ELEVATION, NO_P = range(3)


@pytest.fixture(scope="module")
def plain() -> Phantom:
    """300 records with the usual signs and nothing planted."""
    return draw(Knobs(records=300, difficulty=0.2))


@pytest.fixture(scope="module")
def many() -> Phantom:
    """3,000 records as short as can be: for what is counted, not seen."""
    return draw(Knobs(records=3000, length=8, leads=("II",)))


def beats(phantom: Phantom, row: int) -> npt.NDArray[np.float32]:
    """Seconds of the beats that lie whole in a record and behind its pulse."""
    times = phantom.hearts.beats[row]
    return times[(times > 0.9) & (times < 9.3)]


def around(phantom: Phantom, row: int, lead: str) -> npt.NDArray[np.float64]:
    """One beat, the median over a record: 1.0 s from 0.4 s before R, against the level before P."""
    at = np.round(beats(phantom, row) * 100).astype(int)
    pieces = phantom.signals[row][at[:, None] + np.arange(-40, 60), LEADS.index(lead)]
    beat = np.median(pieces, axis=0)
    return np.asarray(beat - np.median(beat[10:18]))


def level(phantom: Phantom, row: int, lead: str) -> float:
    """The ST segment 80 to 120 ms after R against the level just before the beat, mV."""
    beat = around(phantom, row, lead)
    return float(beat[48:52].mean() - beat[30:36].mean())


def test_the_same_knobs_give_the_same_bytes() -> None:
    """Two draws agree in signals, masks, labels and table."""
    first, second = (draw(Knobs(records=40, length=300, shortcut=0.5, disadvantage=0.5)) for _ in range(2))
    assert first.signals.tobytes() == second.signals.tobytes() and first.masks.tobytes() == second.masks.tobytes()
    assert first.frame.equals(second.frame)


def test_fewer_records_are_the_first_of_more(plain: Phantom) -> None:
    """Asking for more records changes none that were there, but for rounding."""
    few = draw(Knobs(records=90, difficulty=0.2))
    assert few.frame.equals(plain.frame[:90]) and (few.masks == plain.masks[:90]).all()
    assert np.allclose(few.signals, plain.signals[:90], atol=1e-5)


def test_another_seed_gives_other_hearts(plain: Phantom) -> None:
    """Nothing of one seed comes back in another; seeds may be negative."""
    other = draw(Knobs(records=60, seed=-1, difficulty=0.2))
    assert not np.isin(other.hearts.vector, plain.hearts.vector).any()
    assert not np.isin(other.hearts.beats, plain.hearts.beats).any()


@pytest.mark.parametrize(("length", "leads"), [(2, ("II",)), (37, ("V1", "I")), (1300, LEADS)])
def test_any_length_and_leads_can_be_drawn(length: int, leads: tuple[str, ...]) -> None:
    """Signals are finite float32, masks 0 or 1, both in the size asked for; a lead is the same in any company."""
    drawn = draw(Knobs(records=40, length=length, leads=leads))
    assert drawn.signals.shape == drawn.masks.shape == (40, length, len(leads))
    assert drawn.signals.dtype == np.float32 and np.isfinite(drawn.signals).all()
    assert drawn.masks.dtype == np.uint8 and drawn.masks.max() <= 1
    whole = draw(Knobs(records=40, length=length))
    assert np.allclose(drawn.signals, whole.signals[..., [LEADS.index(lead) for lead in leads]], atol=1e-5)
    assert (drawn.masks == whole.masks[..., [LEADS.index(lead) for lead in leads]]).all()


def test_the_rate_changes_the_steps_and_not_the_heart() -> None:
    """At 50 and 500 steps a second the same beats are drawn, and R is found where they are."""
    for rate in (50.0, 500.0):
        drawn = draw(Knobs(records=40, length=int(10 * rate), rate=rate, leads=("II",), difficulty=0.0))
        usual = draw(Knobs(records=40, leads=("II",), difficulty=0.0))
        assert np.allclose(drawn.hearts.beats, usual.hearts.beats)
        row = int(np.flatnonzero(~drawn.pulse)[0])
        at = np.round(beats(drawn, row) * rate).astype(int)
        assert drawn.signals[row, at, 0].mean() > 4 * np.abs(drawn.signals[row]).mean()


def test_leads_obey_einthoven_and_goldberger(plain: Phantom) -> None:
    """I + III = II, and aVR + aVL + aVF = 0, noise included; a pulse of 1 mV in all leads cannot."""
    leads = {name: plain.signals[~plain.pulse][..., number] for number, name in enumerate(LEADS)}
    assert np.allclose(leads["I"] + leads["III"], leads["II"], atol=1e-5)
    assert np.allclose(leads["aVR"] + leads["aVL"] + leads["aVF"], 0, atol=1e-5)
    assert of_vector().shape == (12, 3) and of_electrodes().shape == (12, 9)
    # What all electrodes have in common no lead sees.
    assert np.allclose(of_electrodes().sum(axis=1), 0, atol=1e-6)


def test_a_beat_looks_as_in_a_textbook(plain: Phantom) -> None:
    """In most normal records: P, R and T upright in II, all down in aVR; V1 mainly down, R grows towards V5."""
    rows = np.flatnonzero(plain.y == NORMAL)[:60]
    shapes = {lead: np.median([around(plain, row, lead) for row in rows], axis=0) for lead in ("II", "aVR", "V1", "V5")}
    two = shapes["II"]
    assert 0.05 < two[20:34].max() < 0.3 and 0.6 < two[36:44].max() < 2.0 and 0.1 < two[55:80].max() < 0.6
    assert shapes["aVR"][36:44].min() < -0.4 and shapes["aVR"][55:80].min() < -0.08
    assert -shapes["V1"].min() > 1.5 * shapes["V1"].max() and shapes["V5"].max() > 0.7
    # QRS lasts 60 to 120 ms.
    wide = np.abs(np.diff(two)) > 0.04
    assert 5 <= np.ptp(np.flatnonzero(wide[30:52])) <= 13


def test_hearts_beat_as_hearts_do(plain: Phantom) -> None:
    """Rates are those of people at rest; without P waves the rhythm is irregular, otherwise it is not."""
    spread = np.array([np.std(np.diff(beats(plain, row))) / np.mean(np.diff(beats(plain, row))) for row in range(300)])
    rate = np.array([60 / np.mean(np.diff(beats(plain, row))) for row in range(300)])
    assert rate.min() > 40 and rate.max() < 160 and 60 < np.median(rate) < 90
    assert np.median(spread[plain.y == NO_P]) > 0.13 and np.median(spread[plain.y != NO_P]) < 0.05


def test_st_elevation_has_its_territory_and_its_reciprocal_leads(plain: Phantom) -> None:
    """Anterior: V2 and V3 up, III down; inferior: III and aVF up, aVL down; normal records on the line."""
    for territory, up, down in (("anterior", ("V2", "V3"), "III"), ("inferior", ("III", "aVF"), "aVL")):
        rows = np.flatnonzero(plain.territory == territory)[:25]
        assert len(rows) == 25
        for lead in up:
            assert np.median([level(plain, row, lead) for row in rows]) > 0.15
        assert np.median([level(plain, row, down) for row in rows]) < -0.04
    normal = [abs(level(plain, row, "II")) for row in np.flatnonzero(plain.y == NORMAL)[:40]]
    assert np.median(normal) < 0.08
    assert (plain.territory[plain.y != ELEVATION] == np.array(None)).all()


def test_p_waves_are_gone_where_they_should_be(plain: Phantom) -> None:
    """In lead II, the bump before QRS is small in `no_p` and there in all others."""
    bump = np.array([around(plain, row, "II")[20:34].max() for row in range(300)])
    assert np.median(bump[plain.y == NO_P]) < 0.4 * np.median(bump[plain.y == NORMAL])


def test_masks_say_where_the_sign_is(plain: Phantom) -> None:
    """None in normal records; of ST elevation some leads, between QRS and T; of missing P all leads, before QRS."""
    inside = plain.masks.mean(axis=1)
    assert not inside[plain.y == NORMAL].any()
    leads = inside > 0
    for territory, wanted in (("anterior", {"V1", "V2", "V3", "V4", "II", "III", "aVF"}), ("inferior", None)):
        found = leads[plain.territory == territory]
        assert (found == found[0]).all()
        names = {lead for lead, marked in zip(LEADS, found[0], strict=True) if marked}
        assert names == (wanted or {"II", "III", "aVF", "aVL"})
    assert leads[plain.y == NO_P].all() and 0.05 < inside[plain.y == NO_P].mean() < 0.25
    for kind, lead, before, after in ((ELEVATION, "III", 0.04, 0.40), (NO_P, "II", -0.26, -0.06)):
        for row in np.flatnonzero(plain.y == kind)[:20]:
            marked = np.flatnonzero(plain.masks[row, 100:900, LEADS.index(lead)]) / 100 + 1.0
            since = marked[:, None] - plain.hearts.beats[row][None]
            assert ((since > before) & (since < after)).any(axis=1).all()


def test_the_mask_covers_what_tells_the_classes_apart(plain: Phantom) -> None:
    """Inside the ST mask of anterior records V2 stands higher than normal records do at the same place of the beat."""
    lead = LEADS.index("V2")
    rows = np.flatnonzero((plain.territory == "anterior") & ~plain.pulse)
    inside = [plain.signals[row, plain.masks[row, :, lead] > 0, lead].mean() for row in rows]
    outside = [np.median(plain.signals[row, plain.masks[row, :, lead] == 0, lead]) for row in rows]
    assert np.mean(np.array(inside) - outside > 0.2) > 0.9


def test_classes_and_table_are_as_stated(many: Phantom) -> None:
    """Prevalence, columns, ages of adults; the device says nothing about the class; several records a patient."""
    assert np.allclose(np.bincount(many.y) / len(many.y), PREVALENCE, atol=0.03)
    assert len(np.unique(draw(Knobs(records=40, length=8)).y)) == len(CLASSES)
    assert list(many.frame.columns) == COLUMNS and not many.frame.isna().any().any()
    assert (many.frame["dx"].to_numpy() == np.array(CLASSES, object)[many.y]).all()
    assert many.frame["age"].between(20, 95).all() and set(many.frame["device"]) == set(DEVICES)
    assert set(many.frame["sex"]) == {"male", "female"} and set(many.frame["age_band"]) == {"0-39", "40-59", "60+"}
    share = many.frame.assign(y=many.y).groupby("device")["y"].value_counts(normalize=True).unstack()
    assert (share - share.mean()).abs().max().max() < 0.05
    times = many.frame["patient_id"].value_counts()
    assert set(times) == {1, 2, 3} and (many.frame.groupby("patient_id")["dx"].nunique() == 1).all()


def test_two_records_of_a_patient_differ(plain: Phantom) -> None:
    """They share heart and class, not beats and noise."""
    twins = np.flatnonzero(plain.frame["patient_id"].to_numpy()[1:] == plain.frame["patient_id"].to_numpy()[:-1])
    assert len(twins) > 50
    assert (plain.hearts.width[twins] == plain.hearts.width[twins + 1]).all()
    assert (np.abs(plain.signals[twins] - plain.signals[twins + 1]).mean(axis=(1, 2)) > 0.02).all()


def test_disadvantage_takes_the_sign_from_women_alone(plain: Phantom) -> None:
    """Records of men are drawn to the byte as before; women's ST elevation shrinks and their P waves come back."""
    faded = draw(Knobs(records=300, difficulty=0.2, disadvantage=0.8))
    female = (plain.frame["sex"] == "female").to_numpy()
    normal = plain.y == NORMAL
    assert (faded.signals[~female] == plain.signals[~female]).all() and (faded.masks[normal] == 0).all()
    assert np.allclose(faded.signals[normal], plain.signals[normal], atol=1e-5)
    rows = np.flatnonzero(female & (plain.territory == "anterior"))[:15]
    assert np.median([level(faded, row, "V3") for row in rows]) < 0.5 * np.median(
        [level(plain, row, "V3") for row in rows]
    )
    rows = np.flatnonzero(female & (plain.y == NO_P))[:15]
    bumps = [np.median([around(drawn, row, "II")[20:34].max() for row in rows]) for drawn in (plain, faded)]
    assert bumps[1] > 1.5 * bumps[0]


def test_a_lost_sign_is_marked_nowhere() -> None:
    """With a disadvantage of 1 women's records hold nothing that a mask could mark."""
    drawn = draw(Knobs(records=100, length=400, disadvantage=1.0))
    female = (drawn.frame["sex"] == "female").to_numpy()
    assert not drawn.masks[female].any() and drawn.masks[~female & (drawn.y != NORMAL)].any(axis=(1, 2)).all()


def test_a_full_shortcut_puts_a_pulse_on_st_elevation_alone() -> None:
    """At 1 the pulse and the class are the same thing; at 0 they are independent."""
    for shortcut, on, off in ((0.0, PULSE, PULSE), (0.5, PULSE + (1 - PULSE) / 2, PULSE / 2), (1.0, 1.0, 0.0)):
        phantom = draw(Knobs(records=3000, length=2, leads=("I",), shortcut=shortcut))
        assert phantom.pulse[phantom.y == ELEVATION].mean() == pytest.approx(on, abs=0.06)
        assert phantom.pulse[phantom.y != ELEVATION].mean() == pytest.approx(off, abs=0.03)


def test_the_shortcut_changes_only_the_beginning_of_records_whose_pulse_changes(plain: Phantom) -> None:
    """The plant is the pulse and nothing else: 1 mV in every lead, over by 0.4 s, and no part of the sign."""
    planted = draw(Knobs(records=300, difficulty=0.2, shortcut=1.0))
    same = planted.pulse == plain.pulse
    assert (planted.signals[same] == plain.signals[same]).all()
    assert (planted.signals[:, 40:] == plain.signals[:, 40:]).all()
    shown = planted.signals[planted.pulse]
    assert len(shown) > 40 and (shown[:, 12:28] == 1).all() and (shown[:, 32:39] == 0).all()
    assert not planted.masks[planted.pulse, :40].any()


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_difficulty_and_disadvantage_never_strengthen_the_sign(one: float, other: float, lost: float) -> None:
    """The share of the sign that is shown stays in [0, 1] and falls with both knobs."""
    female = np.array([True, False])
    easy, hard = strength(min(one, other), lost, female), strength(max(one, other), lost, female)
    assert (easy <= 1).all() and (hard >= 0).all() and (hard <= easy).all() and (easy[0] <= easy[1]).all()


def test_harder_records_hold_less_sign_in_more_noise() -> None:
    """From difficulty 0 to 1 ST elevation shrinks below a third and noise grows."""
    drawn = {difficulty: draw(Knobs(records=200, difficulty=difficulty)) for difficulty in (0.0, 1.0)}
    rows = np.flatnonzero(drawn[0.0].territory == "anterior")[:20]
    up = {d: np.median([level(phantom, row, "V3") for row in rows]) for d, phantom in drawn.items()}
    assert up[1.0] < 0.35 * up[0.0]
    rough = {d: np.median(np.abs(np.diff(phantom.signals, n=2, axis=1))) for d, phantom in drawn.items()}
    assert rough[1.0] > 1.3 * rough[0.0]


def _recipe(folder: Path, data: str = "", signal: str = "", more: str = "") -> recipe.Recipe:
    path = folder / "phantom.yaml"
    path.write_text(
        f"name: p\ndata: {{source: phantom, phantom: ecg, records: 40{data}}}\n"
        f"inputs:\n  ecg: {{kind: signal{signal}}}\n{more}"
    )
    return recipe.load(path)


def test_a_recipe_gives_records(tmp_path: Path) -> None:
    """The reader hands over what `draw` gives, in the recipe's leads, length and rate, grouped by patient."""
    records = read(_recipe(tmp_path, ", shortcut: 0.3", ", length: 120, rate: 50, channels: [II, V1]"))
    drawn = draw(Knobs(records=40, length=120, rate=50, leads=("II", "V1"), shortcut=0.3))
    items = records.items["ecg"]
    assert isinstance(items, Arrays) and (items.values == drawn.signals).all()
    assert records.phantom and records.classes == CLASSES and records.split is None
    known = records.regions["ecg"]
    assert isinstance(known, Regions) and (known.values == drawn.masks).all() and len(known.names) == 1
    assert (records.y == drawn.y).all() and list(records.rows) == list(range(1, 41))
    assert list(records.patient) == list(drawn.frame["patient_id"])


def test_left_out_length_and_leads_are_those_of_a_resting_ecg(tmp_path: Path) -> None:
    """Ten seconds of twelve leads, at 100 steps a second or at the rate that is asked for."""
    assert len(read(_recipe(tmp_path)).items["ecg"]) == 40
    for signal, shape in (("", (40, 1000, 12)), (", rate: 40", (40, 400, 12))):
        items = read(_recipe(tmp_path, signal=signal)).items["ecg"]
        assert isinstance(items, Arrays) and items.values.shape == shape


def test_a_recipe_may_order_the_classes(tmp_path: Path) -> None:
    """`classes` sets the order of the outputs; each record keeps its class."""
    order = ("st_elevation", "no_p", "normal")
    records = read(_recipe(tmp_path, f", classes: [{', '.join(order)}]", ", length: 20"))
    assert records.classes == order and [order[k] for k in records.y] == list(records.frame["dx"])


@pytest.mark.parametrize(
    ("data", "signal", "more", "said"),
    [
        (", classes: [normal, flutter]", "", "", r"data\.classes"),
        ("", ", channels: [II, V9]", "", r"inputs\.ecg\.channels names 'V9'"),
        ("", ", average: 2", "", r"inputs\.ecg\.average"),
        ("", ", column: path", "", r"inputs\.ecg\.column"),
        ("", "", "  other: {kind: signal}\n", "inputs of the phantom ecg must be one signal"),
    ],
)
def test_what_the_phantom_cannot_draw_is_refused(tmp_path: Path, data: str, signal: str, more: str, said: str) -> None:
    """Foreign classes and leads, files and a second input are errors that name the key."""
    with pytest.raises(RecipeError, match=said):
        read(_recipe(tmp_path, data, signal, more))


def test_another_kind_of_input_is_refused(tmp_path: Path) -> None:
    """An image of the phantom ecg is an error that names the key."""
    path = tmp_path / "p.yaml"
    path.write_text("name: p\ndata: {source: phantom, phantom: ecg, records: 40}\ninputs: {skin: {kind: image}}\n")
    with pytest.raises(RecipeError, match=r"inputs\.skin\.kind"):
        read(recipe.load(path))
