"""The split by scaffold: rings stay together, common ones train, and the test asks for unlike molecules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automed.data import scaffolds
from automed.data.records import SPLITS, Records
from automed.data.splits import assign, scaffolds_of
from automed.errors import DataError, LeakError, MissingExtra
from automed.recipe import Recipe

BENZENE, PYRIDINE = "c1ccccc1", "c1ccncc1"
SHARES = (0.7, 0.15, 0.15)


def a_recipe(**fractions: float) -> Recipe:
    split: dict[str, Any] = {"by": "scaffold", "column": "smiles"}
    return Recipe.model_validate(
        {
            "name": "t",
            "data": {"source": "table", "table": "t.csv", "target": "y"},
            "inputs": {"drug": {"kind": "sequence", "column": "smiles", "alphabet": "smiles"}},
            "split": {**split, "fractions": fractions} if fractions else split,
        }
    )


def records(smiles: list[str | None], patient: list[str] | None = None) -> Records:
    """Records of two classes in turn, with rows from 101 on."""
    n = len(smiles)
    return Records(
        frame=pd.DataFrame({"smiles": smiles}),
        y=np.arange(n) % 2,
        classes=("0", "1"),
        patient=np.array(patient or [f"p{i}" for i in range(n)], object),
        items={},
        rows=np.arange(101, 101 + n),
    )


def test_a_scaffold_is_rings_and_what_links_them() -> None:
    """Side chains and stereochemistry fall off; all molecules without a ring share one, as in MoleculeNet."""
    found = scaffolds.scaffolds(["Cc1ccccc1", "OCCc1ccccc1", "Cc1ccncc1", "CCO", "C[C@H](N)O", "c1ccccc1CCc1ccncc1"])
    assert found.tolist() == [BENZENE, BENZENE, PYRIDINE, "", "", "c1ccc(CCc2ccncc2)cc1"]


def test_what_cannot_be_read_is_a_group_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """Equal texts are one group; and RDKit prints no molecule."""
    found = scaffolds.scaffolds(["not smiles", "c1ccccc", "not smiles"])
    assert found[0] == found[2] != found[1] and "" not in found
    assert not "".join(capfd.readouterr())


def test_large_groups_train_and_small_ones_are_tested_on() -> None:
    """What no longer fits into a part goes to the next."""
    group = np.array(["a"] * 50 + ["b"] * 30 + ["c"] * 10 + ["d"] * 6 + ["e"] * 4, object)
    part = scaffolds.deal(group, SHARES)
    assert {name: int(part[group == name][0]) for name in "abcde"} == {"a": 0, "b": 1, "c": 0, "d": 0, "e": 0}
    part = scaffolds.deal(group, (0.8, 0.1, 0.1))
    assert {name: int(part[group == name][0]) for name in "abcde"} == {"a": 0, "b": 0, "c": 1, "d": 2, "e": 2}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=20, max_size=60))
def test_groups_stay_whole_and_training_within_its_share(sizes: list[int]) -> None:
    """And numbers in place of names change nothing."""
    group = np.array([f"s{k}" for k, size in enumerate(sizes) for _ in range(size)], object)
    part = scaffolds.deal(group, SHARES)
    assert all(len(set(part[group == name])) == 1 for name in set(group))
    assert (part == 0).sum() <= 0.7 * len(group) + 1e-6
    renamed = np.array([f"x{-int(name[1:])}" for name in group], object)
    np.testing.assert_array_equal(scaffolds.deal(renamed, SHARES), part)


def test_of_equal_scaffolds_the_first_rows_are_tested_on() -> None:
    """As DeepChem has it, on whose splits published figures rest."""
    group = np.array([f"s{k}" for k in range(10)], object)
    assert scaffolds.deal(group, (0.8, 0.1, 0.1)).tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_bbbp_is_split_as_moleculenet_has_it(real_data: Path) -> None:
    """Half of its test passes the barrier, of the training molecules four in five."""
    table = pd.read_csv(real_data / "bbbp" / "BBBP.csv")
    part = scaffolds.deal(scaffolds.scaffolds(table["smiles"].tolist()), (0.8, 0.1, 0.1))
    shares = table["p_np"].groupby(part).mean().round(2).tolist()
    assert np.bincount(part).tolist() == [1640, 205, 205] and shares == [0.82, 0.53, 0.53]


def test_no_scaffold_is_in_two_splits() -> None:
    """Whatever their patients are called."""
    rings = [f"{'C' * k}c1ccccc1" for k in range(1, 15)] + [f"{'C' * k}c1ccncc1" for k in range(1, 4)]
    found = records([*rings, "CC", "CCC", "CCN"])
    split = assign(a_recipe(train=0.7, validation=0.15, test=0.15), found)
    assert set(split) == set(SPLITS)
    of = scaffolds_of(found, "smiles")
    assert all(len(set(split[of == name])) == 1 for name in set(of))
    assert set(split[of == BENZENE]) == {"train"}


def test_a_patient_with_molecules_of_two_scaffolds_may_be_a_leak() -> None:
    """As with every split that is not by patient."""
    smiles: list[str | None] = [*["Cc1ccccc1"] * 14, *["Cc1ccncc1"] * 3, "CC", "CCC", "CCN"]
    patient = [f"p{k}" for k in range(20)]
    patient[0] = patient[19]
    with pytest.raises(LeakError, match="1 patient in more than one split"):
        assign(a_recipe(), records(smiles, patient))


def test_records_without_smiles_are_refused_by_row() -> None:
    """An unknown molecule cannot be kept apart."""
    with pytest.raises(DataError, match=r"2 records have no SMILES \(rows 102, 104\)"):
        assign(a_recipe(), records(["CC", None, "c1ccccc1", "", "CCC"]))


def test_without_rdkit_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2, and the line to install it."""
    monkeypatch.setattr(scaffolds, "installed", lambda: False)
    with pytest.raises(MissingExtra, match="needs RDKit") as caught:
        assign(a_recipe(), records(["CC", "CCC"]))
    assert "automed[chem]" in (caught.value.hint or "") and caught.value.exit_code == 2


def test_molecules_are_written_in_one_way() -> None:
    """What RDKit cannot read stays as it is."""
    assert scaffolds.canonical(["OCC", "C(C)O", "?"]) == ["CCO", "CCO", "?"]


def test_the_split_of_bbbp_is_that_of_moleculenet_in_size(real_data: Path) -> None:
    """2,050 molecules, 11 unreadable; ring-free ones together, no scaffold torn, 80/10/10."""
    table = pd.read_csv(real_data / "bbbp" / "BBBP.csv")
    found = records(table["smiles"].tolist())
    split = assign(a_recipe(train=0.8, validation=0.1, test=0.1), found)
    assert [int((split == name).sum()) for name in SPLITS] == [1640, 205, 205]
    of = scaffolds_of(found, "smiles")
    assert len(set(of)) == 1036 and set(split[of == scaffolds.NO_RING]) == {"train"}
    assert all(len(set(split[of == name])) == 1 for name in set(of))
