"""Sequences: DNA, protein and SMILES letter by letter, what is no letter of theirs, and what is the same molecule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from automed import recipe
from automed.data import scaffolds
from automed.data.cache import refuse_if_many
from automed.data.kinds import embeddings
from automed.data.kinds.alphabets import DNA, cut_smiles
from automed.data.kinds.kind import ABSENT, Fitted, Held
from automed.data.kinds.sequence import KIND, tokenise
from automed.data.records import Records, Texts
from automed.errors import DataError
from automed.recipe import Recipe

OPPOSITE = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


def a_recipe(alphabet: str = "dna", **spec: Any) -> Recipe:
    spec = {"kind": "sequence", "column": "seq", "alphabet": alphabet, **spec}
    data = {"source": "table", "table": "t.csv", "target": "y"}
    return Recipe.model_validate({"name": "t", "data": data, "inputs": {"strand": spec}})


def records(written: list[str | None]) -> Records:
    """Records whose row numbers start at 101, so that they are no positions."""
    n = len(written)
    return Records(
        frame=pd.DataFrame(index=pd.RangeIndex(n)),
        y=np.zeros(n, np.int64),
        classes=("a", "b"),
        patient=np.array([f"p{i}" for i in range(n)], object),
        items={"strand": Texts(np.array(written, object))},
        rows=np.arange(101, 101 + n),
    )


def fit(asked: Recipe, written: list[str | None], train: list[int] | None = None) -> tuple[Held, Fitted]:
    found = records(written)
    held = KIND.read(asked, found, "strand")
    chosen = np.arange(len(found)) if train is None else np.array(train, np.int64)
    return held, KIND.fit(asked, held, "strand", np.arange(len(found)), chosen, found.rows)


def equal(alphabet: str, written: list[str | None]) -> list[int]:
    held = KIND.read(a_recipe(alphabet), records(written), "strand")
    found = KIND.duplicates(held, np.arange(len(written)))
    assert found is not None and not len(found.near)
    return [int(number) for number in found.exact]


# --- letters -----------------------------------------------------------------------------------------------------


def test_letters_become_ids_and_short_sequences_are_padded() -> None:
    """uint8, 0 is padding; lower case, U for T, spaces and line breaks are as good."""
    held, fitted = fit(a_recipe(), ["ACGT", "ac gu\nac", None])
    values = KIND.store(a_recipe(), held, "strand", fitted).values
    assert values.dtype == np.uint8
    assert values.tolist() == [[2, 3, 4, 5, 0, 0], [2, 3, 4, 5, 2, 3], [0, 0, 0, 0, 0, 0]]
    assert held.unreadable == {2: ABSENT} and fitted.facts["alphabet"][:6] == ["", "[unknown]", "A", "C", "G", "T"]


@given(st.text("".join(DNA), min_size=1, max_size=40))
def test_the_complement_of_ids_is_the_complement_of_letters(strand: str) -> None:
    """Read backwards, it is the other strand; twice, the same."""
    _, fitted = fit(a_recipe(length=40), ["ACGT"])
    pairs = np.array(fitted.facts["complement"])
    ids = tokenise(fitted.facts, [strand])[0][: len(strand)]
    other = tokenise(fitted.facts, [strand[::-1].translate(OPPOSITE)])[0][: len(strand)]
    np.testing.assert_array_equal(pairs[ids[::-1]], other)
    np.testing.assert_array_equal(pairs[pairs], np.arange(len(pairs)))


def test_mixed_codes_share_their_bases() -> None:
    """R is half A and half G, N a quarter of each; padding is nothing; complements have their shares turned round."""
    _, fitted = fit(a_recipe(), ["ACGT"])
    alphabet, shares = fitted.facts["alphabet"], np.array(fitted.facts["vectors"])
    assert shares.shape == (len(alphabet), 4) and not shares[0].any()
    np.testing.assert_allclose(shares[1:].sum(axis=1), 1.0)
    assert shares[alphabet.index("R")].tolist() == [0.5, 0, 0.5, 0]
    assert shares[alphabet.index("N")].tolist() == [0.25] * 4
    np.testing.assert_allclose(shares[fitted.facts["complement"]], shares[:, ::-1])


def test_protein_has_twenty_letters_and_its_rare_ones() -> None:
    """No complement, no shares."""
    _, fitted = fit(a_recipe("protein"), ["MKVLAW*", "BZXJUO"])
    assert len(fitted.facts["alphabet"]) == 2 + 27
    assert not {"complement", "vectors"} & set(fitted.facts)
    assert len(set(tokenise(fitted.facts, ["ACDEFGHIKLMNPQRSTVWY"])[0].tolist())) == 7  # cut at the longest


@pytest.mark.parametrize(
    ("alphabet", "written", "reason"),
    [
        ("dna", "ACGTACGTACGTACGTZ", "letter 'Z' at place 17 is not in the dna alphabet"),
        ("dna", "acg tac-g", "letter '-' at place 7 is not in the dna alphabet"),
        ("dna", "ACé", r"letter '\\xe9' at place 3 is not in the dna alphabet"),
        ("dna", "AC\u4e2dé", r"letter '\\u4e2d' at place 3 is not in the dna alphabet"),
        ("protein", "MK1", "letter '1' at place 3 is not in the protein alphabet"),
    ],
)
def test_a_letter_outside_of_the_alphabet_makes_a_record_unreadable(alphabet: str, written: str, reason: str) -> None:
    """The letter and its place are named, and the message of a run names the row."""
    found = records(["ACGT", written])
    held = KIND.read(a_recipe(alphabet), found, "strand")
    assert held.unreadable == {1: reason.replace("\\\\", "\\")}
    with pytest.raises(DataError, match=f"row 102: {reason}"):
        refuse_if_many(held.unreadable, found.rows)
    with pytest.raises(DataError, match=f"row 2: {reason}"):
        tokenise(
            KIND.fit(a_recipe(alphabet), held, "strand", np.array([0]), np.array([0]), found.rows).facts, ["A", written]
        )


def test_the_longest_training_record_decides_the_length() -> None:
    """Longer ones are cut at the end, counted and told."""
    _, fitted = fit(a_recipe(), ["ACG", "ACGTACGT"], [0])
    assert fitted.facts["length"] == 3 and fitted.facts["cut"] == 1
    assert [finding.kind for finding in fitted.findings] == ["records_cut"] and fitted.findings[0].rows == (102,)
    assert fit(a_recipe(length=5), ["ACG", "ACGTACGT"], [0])[1].facts["length"] == 5


def test_letters_have_places_where_all_training_sequences_are_of_one_length() -> None:
    """Whatever the others are: those are cut or padded."""
    assert fit(a_recipe(), ["ACGT", "TTTT", "AC"], [0, 1])[1].facts["aligned"] is True
    assert fit(a_recipe(), ["ACGT", "AC", "TTTT"], [0, 1])[1].facts["aligned"] is False


def test_a_sequence_missing_in_every_training_record_is_refused() -> None:
    """Nothing can be learnt from it."""
    with pytest.raises(DataError, match="missing in every training record"):
        fit(a_recipe(), [None, " ", "ACGT"], [0, 1])


def test_a_genome_in_a_cell_is_laid_out_quickly() -> None:
    """200,000 letters, cut at the length."""
    held, fitted = fit(a_recipe(length=1000), ["ACGT" * 50_000, "ACGT"])
    assert KIND.store(a_recipe(), held, "strand", fitted).values.shape == (2, 1000) and fitted.facts["cut"] == 1


# --- SMILES ------------------------------------------------------------------------------------------------------


def test_smiles_are_cut_into_atoms_and_bonds() -> None:
    """Chlorine, bracket atoms and ring closures of two digits stay whole."""
    assert cut_smiles("Clc1ccBr[C@@H](N)%12") == ["Cl", "c", "1", "c", "c", "Br", "[C@@H]", "(", "N", ")", "%12"]


@given(st.text("CNOcnoBrlFI[]@H+-=#$()%0123456789./\\*:~", max_size=60))
def test_the_tokens_of_a_smiles_are_the_smiles(text: str) -> None:
    """Nothing is lost, whatever is written."""
    assert "".join(cut_smiles(text)) == text


def test_tokens_that_training_did_not_have_are_unknown() -> None:
    """Also in molecules of a card; the most frequent token comes first."""
    held, fitted = fit(a_recipe("smiles"), ["CCO", "CCBr"], [0])
    assert fitted.facts["alphabet"] == ["", "[unknown]", "C", "O"] and fitted.facts["kind_of"] == "smiles"
    assert KIND.store(a_recipe("smiles"), held, "strand", fitted).values.tolist() == [[2, 2, 3], [2, 2, 1]]
    assert fitted.facts["unknown"]["other"] == pytest.approx(1 / 3)
    assert "unknown_tokens" in {finding.kind for finding in fitted.findings}
    assert tokenise(json.loads(json.dumps(fitted.facts)), ["C C N", None]).tolist() == [[2, 2, 1], [0, 0, 0]]


def test_many_tokens_need_larger_numbers() -> None:
    """uint8 holds 256 ids."""
    for many, kind in ((254, np.uint8), (255, np.int32)):
        held, fitted = fit(a_recipe("smiles"), ["".join(f"[{i}C]" for i in range(many))])
        values = KIND.store(a_recipe("smiles"), held, "strand", fitted).values
        assert values.dtype == kind and values.max() == many + 1


# --- the same twice ----------------------------------------------------------------------------------------------


def test_a_strand_and_its_opposite_are_the_same_molecule() -> None:
    """For DNA, not for protein; what is missing equals nothing."""
    numbers = equal("dna", ["AACG", "CGTT", "GCAA", "aacg", None, None])
    assert numbers[0] == numbers[1] == numbers[3] and len(set(numbers)) == 4
    assert len(set(equal("protein", ["AACG", "GCAA", "AACG"]))) == 2


def test_a_molecule_may_be_written_in_many_ways() -> None:
    """RDKit writes them alike; what it cannot read is the same where it is written the same."""
    numbers = equal("smiles", ["OCC", "C(O)C", "CCN", "not a molecule", "not a molecule", None])
    assert numbers[0] == numbers[1] and numbers[3] == numbers[4] and len(set(numbers)) == 4


def test_without_rdkit_molecules_are_compared_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is an extra."""
    monkeypatch.setattr(scaffolds, "installed", lambda: False)
    assert len(set(equal("smiles", ["OCC", "C(O)C", "OCC"]))) == 2


def test_embeddings_of_tokens_are_those_of_their_case(tmp_path: Path) -> None:
    """An aromatic c is no C."""
    (tmp_path / "atoms.txt").write_text("C 1 2\nN 3 4\n")
    inputs = {"strand": {"kind": "sequence", "column": "s", "alphabet": "smiles", "embeddings": "atoms.txt"}}
    tree = {"name": "t", "data": {"source": "table", "table": "t.csv", "target": "y"}, "inputs": inputs}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
    _, fitted = fit(recipe.load(tmp_path / "recipe.yaml"), ["CCcN"])
    found = embeddings.matrix(fitted.facts)
    assert found is not None and fitted.facts["alphabet"] == ["", "[unknown]", "C", "N", "c"]
    assert found.tolist() == [[0, 0], [0, 0], [1, 2], [3, 4], [0, 0]]


def test_real_splice_junctions_are_read_and_their_repeats_found(real_data: Path) -> None:
    """3,190 windows of 60 letters, a few of them mixed codes, 185 repeated."""
    lines = (real_data / "splice" / "splice.data").read_text().splitlines()[1:]
    written = [line.split(",")[2].strip() for line in lines if line.count(",") == 2]
    held, fitted = fit(a_recipe(), list(written))
    assert len(written) == 3190 and not held.unreadable and fitted.facts["length"] == 60
    found = KIND.duplicates(held, np.arange(3190))
    assert found is not None and 3190 - len(np.unique(found.exact)) >= 184
