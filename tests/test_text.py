"""Texts: cut into words or pieces that training alone decides, laid out as ids, and read again from a card."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from automed import recipe
from automed.data.kinds import embeddings, pieces
from automed.data.kinds.kind import ABSENT, Fitted, Held
from automed.data.kinds.text import KIND, tokenise, words
from automed.data.kinds.tokens import SPECIAL
from automed.data.records import Records, Texts
from automed.errors import DataError, RecipeError
from automed.recipe import Recipe

SPLITTERS = ("wordpiece", "bpe")
NOTES = [
    "Chest pain at rest, radiating to the left arm.",
    "No chest pain. Pain at night?",
    "Chest clear; no pain, no cough.",
    "Cough at night and chest pain.",
]


def a_recipe(**spec: Any) -> Recipe:
    spec = {"kind": "text", "column": "note", "length": 12, "rarest": 1, **spec}
    data = {"source": "table", "table": "t.csv", "target": "y"}
    return Recipe.model_validate({"name": "t", "data": data, "inputs": {"note": spec}})


def records(written: list[str | None]) -> Records:
    """Records whose row numbers start at 101, so that they are no positions."""
    n = len(written)
    return Records(
        frame=pd.DataFrame(index=pd.RangeIndex(n)),
        y=np.zeros(n, np.int64),
        classes=("a", "b"),
        patient=np.array([f"p{i}" for i in range(n)], object),
        items={"note": Texts(np.array(written, object))},
        rows=np.arange(101, 101 + n),
    )


def fit(asked: Recipe, written: list[str | None], train: list[int] | None = None) -> tuple[Held, Fitted]:
    """The input read and fitted; all records train where `train` is left out."""
    found = records(written)
    held = KIND.read(asked, found, "note")
    chosen = np.arange(len(found)) if train is None else np.array(train, np.int64)
    return held, KIND.fit(asked, held, "note", np.arange(len(found)), chosen, found.rows)


def array(asked: Recipe, written: list[str | None], train: list[int] | None = None) -> npt.NDArray[np.integer[Any]]:
    held, fitted = fit(asked, written, train)
    return KIND.store(asked, held, "note", fitted).values


# --- words -------------------------------------------------------------------------------------------------------


def test_words_are_lower_case_and_lose_their_punctuation() -> None:
    """Numbers keep their point, words their apostrophe, and signs that mean the same become one."""
    assert words("T2DM, 39.5 °C!  (Crohn's)") == ["t2dm", "39.5", "c", "crohn's"]
    assert words("ﬁbrosis; 1,200 IU/l - 2024-03-31.") == ["fibrosis", "1,200", "iu", "l", "2024", "03", "31"]


def test_words_of_other_scripts_stay_whole() -> None:
    """Accents, vowel signs and points belong to a word."""
    assert words("Ménière ÜBELKEIT") == ["ménière", "übelkeit"]
    assert words("मधुमेह रोगी") == ["मधुमेह", "रोगी"]


@given(st.text(max_size=80))
def test_cutting_words_again_changes_nothing(text: str) -> None:
    """Words have no space and no capital in them, and are found again in themselves."""
    found = words(text)
    assert words(" ".join(found)) == found
    assert all(word == word.lower() and not any(sign.isspace() for sign in word) for word in found)


def test_ids_go_by_frequency_in_training() -> None:
    """0 is padding, 1 unknown, then the most frequent word, ties by name."""
    _, fitted = fit(a_recipe(), NOTES)
    assert fitted.facts["vocabulary"][:6] == [*SPECIAL, "pain", "chest", "at", "no"]
    values = array(a_recipe(length=4), ["pain pain pain chest chest at", "chest xyz"], train=[0])
    assert values.dtype == np.int32
    assert values.tolist() == [[2, 2, 2, 3], [3, 1, 0, 0]]


def test_a_vocabulary_has_as_many_words_as_were_asked_for() -> None:
    """The most frequent are kept."""
    _, fitted = fit(a_recipe(vocabulary=10), [" ".join(f"w{i}" for i in range(k)) for k in range(1, 31)])
    assert fitted.facts["vocabulary"] == [*SPECIAL, *(f"w{i}" for i in range(10))]


def test_a_word_of_few_training_records_is_unknown() -> None:
    """However often one record repeats it: it might name a person."""
    _, fitted = fit(a_recipe(rarest=2), ["Szymanski Szymanski Szymanski has pain", "pain again", "no pain"])
    assert fitted.facts["vocabulary"] == [*SPECIAL, "pain"]


@pytest.mark.parametrize("tokenizer", ("words", *SPLITTERS))
def test_only_training_records_decide(tokenizer: str) -> None:
    """Another test text changes neither the vocabulary nor the rules."""
    asked = a_recipe(tokenizer=tokenizer)
    (_, first), (_, second) = (fit(asked, [*NOTES, late], [0, 1, 2, 3]) for late in ("zzz qqq", "pain wholly other"))
    for key in ("vocabulary", "state"):
        assert first.facts.get(key) == second.facts.get(key)
    assert not {"zzz", "qqq", "wholly"} & set(first.facts["vocabulary"])


def test_an_empty_text_is_absent() -> None:
    """Nothing, spaces or punctuation alone: no word, and a row of padding."""
    held, fitted = fit(a_recipe(), ["pain", None, "  ", "?! ...", "_"], [0])
    assert held.unreadable == {1: ABSENT, 2: ABSENT, 3: ABSENT, 4: ABSENT}
    assert not KIND.store(a_recipe(), held, "note", fitted).values[1:].any()


def test_a_text_missing_in_every_training_record_is_refused() -> None:
    """Nothing can be learnt from it."""
    with pytest.raises(DataError, match="missing in every training record"):
        fit(a_recipe(), [None, "", "pain"], [0, 1])


def test_a_corpus_of_rare_words_alone_is_refused_with_the_key_to_change() -> None:
    """Three texts without a word in common have no vocabulary."""
    with pytest.raises(DataError, match=r"no word is in 3 training records") as caught:
        fit(a_recipe(rarest=3), ["one two", "three four", "five six"])
    assert "inputs.note.rarest" in (caught.value.hint or "")


@pytest.mark.parametrize("tokenizer", ("words", *SPLITTERS))
def test_a_text_of_200_000_characters_is_cut_in_no_time(tokenizer: str) -> None:
    """The end of a whole file in one cell is left out, and counted."""
    long = "chest pain at night " * 6_000 + "x" * 80_000
    assert len(long) == 200_000
    start = time.process_time()
    asked = a_recipe(tokenizer=tokenizer)
    held, fitted = fit(asked, [*NOTES, long], [0, 1, 2, 3])
    values = KIND.store(asked, held, "note", fitted).values
    assert time.process_time() - start < 3
    assert values.shape == (5, 12) and (values[4] > 1).all() and fitted.facts["cut"] == 1
    assert "records_cut" in {finding.kind for finding in fitted.findings}


def test_unknown_words_of_later_records_are_told() -> None:
    """Their share is a fact, and a finding names the rows but no word."""
    _, fitted = fit(a_recipe(), ["chest pain"] * 8 + ["chest secretword"], list(range(8)))
    assert fitted.facts["unknown"] == {"train": 0.0, "other": 0.5}
    (finding,) = fitted.findings
    assert finding.kind == "unknown_tokens" and finding.rows == (109,)
    assert "50%" in finding.message and "secretword" not in finding.message
    assert not fit(a_recipe(), ["chest pain"] * 9, list(range(8)))[1].findings


def test_texts_that_differ_in_case_and_punctuation_are_the_same() -> None:
    """But few words may be written of many patients."""
    long = "The patient complains of chest pain at rest radiating to the left arm"
    held = KIND.read(
        a_recipe(), records([long, long.upper() + "!!", "No acute finding", "no acute finding.", None]), "note"
    )
    found = KIND.duplicates(held, np.arange(5))
    assert found is not None
    assert found.exact[0] == found.exact[1] and len(set(found.exact[1:])) == 4
    assert not len(found.near)


def test_a_column_that_is_not_there_is_the_recipes_error() -> None:
    """With the nearest one; and so is a column that is not named."""
    frame = pd.DataFrame({"notes": ["x"]})
    with pytest.raises(RecipeError, match=r"inputs\.note\.column") as caught:
        KIND.items(a_recipe(), "note", frame, np.array([1]))
    assert "'notes'" in (caught.value.hint or "")
    with pytest.raises(RecipeError, match="is missing"):
        list(KIND.fields(a_recipe(column=None), "note"))


def test_cells_become_texts() -> None:
    """As written, without spaces around; empty cells are nothing."""
    frame = pd.DataFrame({"note": [" Pain. ", "", None, "NA", "007"]})
    items = KIND.items(a_recipe(), "note", frame, np.arange(1, 6))
    assert isinstance(items, Texts) and items.values.tolist() == ["Pain.", None, None, None, "007"]


# --- pieces ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokenizer", SPLITTERS)
def test_pieces_put_together_are_the_words(tokenizer: str) -> None:
    """Nothing is lost, and a word that was never seen is cut into letters that were."""
    state = pieces.learn(tokenizer, {"chest": 9, "pain": 8, "painless": 2}, 40)
    for word, parts in zip(["chest", "painest"], pieces.cut(state, ["chest", "painest"]), strict=True):
        bare = [part.removeprefix(pieces.BEGINS).removeprefix(pieces.CONTINUES) for part in parts]
        assert "".join(bare) == word
    assert any(SPECIAL[1] in parts for parts in pieces.cut(state, ["ω"]))


@pytest.mark.parametrize("tokenizer", SPLITTERS)
def test_a_rare_name_gets_no_piece_of_its_own(tokenizer: str) -> None:
    """Pieces are learnt from words of enough records."""
    name = "qzxyzzy"
    notes = [f"{name} " * 30 + "chest pain", "chest pain", "pain of the chest"]
    _, fitted = fit(a_recipe(tokenizer=tokenizer, rarest=2), notes)
    bare = {token.strip(pieces.BEGINS + "#") for token in fitted.facts["vocabulary"]}
    assert not {part for part in bare if len(part) > 1 and part in name}
    assert name not in fitted.facts["state"]


def test_the_same_words_give_the_same_pieces_in_another_process() -> None:
    """The library's own order of letters changes from process to process."""
    often = {f"{a}{b}{c}": len(a + b) for a in ("chest", "heart", "x") for b in ("pain", "ache") for c in "abcdefg"}
    code = (
        "import json, sys; from automed.data.kinds import pieces;"
        "print(json.dumps([pieces.learn(name, json.loads(sys.argv[1]), 60) for name in sys.argv[2:]]))"
    )
    asked = [sys.executable, "-c", code, json.dumps(often), *SPLITTERS]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [pieces.learn(name, often, 60) for name in SPLITTERS]


@pytest.mark.parametrize("tokenizer", ("words", *SPLITTERS))
def test_a_card_is_enough_to_read_new_texts(tokenizer: str) -> None:
    """Facts that went through JSON give the rows that training saw, and known ids for new texts."""
    asked = a_recipe(tokenizer=tokenizer)
    held, fitted = fit(asked, [*NOTES, None])
    facts = json.loads(json.dumps(fitted.facts))
    np.testing.assert_array_equal(tokenise(facts, [*NOTES, None]), KIND.store(asked, held, "note", fitted).values)
    new = tokenise(facts, ["Chest PAIN!", "Ω"])
    assert (new[0] > 1).sum() >= 2 and set(new[1]) <= {0, 1} | set(range(2, len(facts["vocabulary"])))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text("abc .,", max_size=40), min_size=1, max_size=8), st.sampled_from(("words", *SPLITTERS)))
def test_every_id_is_in_the_vocabulary_and_padding_ends_a_row(written: list[str], tokenizer: str) -> None:
    """Whatever is written."""
    asked = a_recipe(tokenizer=tokenizer, length=5)
    values = array(asked, ["abc cab", *written])
    _, fitted = fit(asked, ["abc cab", *written])
    assert values.min() >= 0 and values.max() < len(fitted.facts["vocabulary"])
    assert all((np.diff((row == 0).astype(int)) >= 0).all() for row in values)


# --- embeddings --------------------------------------------------------------------------------------------------


def with_vectors(folder: Path, file: str, **spec: Any) -> Recipe:
    inputs = {"note": {"kind": "text", "column": "note", "rarest": 1, "embeddings": file, **spec}}
    tree = {"name": "t", "data": {"source": "table", "table": "t.csv", "target": "y"}, "inputs": inputs}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(tree))
    return recipe.load(folder / "recipe.yaml")


def write_vectors(folder: Path, file: str, lines: str) -> None:
    content = lines.encode()
    (folder / file).write_bytes(gzip.compress(content) if file.endswith(".gz") else content)


LINES = "the 9 9\npain 0.5 -1\nChest 7 7\nchest 2 3\nat name@domain.com 8 8\nAT 4 4\n"


@pytest.mark.parametrize("file", ["glove.txt", "glove.txt.gz", "word2vec.vec", "vectors.npz"])
def test_vectors_of_the_vocabulary_are_kept(tmp_path: Path, file: str) -> None:
    """GloVe, word2vec with its first line, or arrays; as written goes before capitals, others stay zero."""
    if file.endswith(".npz"):
        pairs = [line.rsplit(" ", 2) for line in LINES.splitlines()]
        numbers = np.array([[float(value) for value in pair[1:]] for pair in pairs])
        np.savez(tmp_path / file, words=np.array([pair[0] for pair in pairs]), vectors=numbers)
    else:
        write_vectors(tmp_path, file, ("6 2\n" if file.endswith(".vec") else "") + LINES)
    _, fitted = fit(with_vectors(tmp_path, file), ["chest pain at night"])
    facts = json.loads(json.dumps(fitted.facts))
    assert facts["embedding"]["size"] == 2 and facts["embedding"]["found"] == 3
    found = embeddings.matrix(facts)
    assert found is not None and found.dtype == np.float32 and found.shape == (6, 2)
    told = dict(zip(facts["vocabulary"], found.tolist(), strict=True))
    assert told == {"": [0, 0], "[unknown]": [0, 0], "chest": [2, 3], "pain": [0.5, -1], "at": [4, 4], "night": [0, 0]}


def test_vectors_of_pieces_that_begin_a_word_are_those_of_the_word(tmp_path: Path) -> None:
    """The mark of byte-pair encoding is not in anybody's file."""
    write_vectors(tmp_path, "glove.txt", LINES)
    _, fitted = fit(with_vectors(tmp_path, "glove.txt", tokenizer="bpe"), ["pain pain pain"])
    found = embeddings.matrix(fitted.facts)
    assert found is not None
    assert found[fitted.facts["vocabulary"].index("▁pain")].tolist() == [0.5, -1]


def test_without_embeddings_there_is_no_matrix() -> None:
    """The fact says so."""
    _, fitted = fit(a_recipe(), NOTES)
    assert fitted.facts["embedding"] is None and embeddings.matrix(fitted.facts) is None


@pytest.mark.parametrize(
    ("file", "lines", "message"),
    [
        ("short.txt", "the 1 2\npain 1\n", r"short\.txt: line 2 is no vector of 2 numbers"),
        ("words.txt", "the 1 2\npain a b\n", "line 2 is no vector"),
        ("infinite.txt", "the 1 2\npain inf 1\n", "line 2 is no vector"),
        ("french.txt", "douleur 1 2\n", "a vector of none of the tokens"),
        ("model.bin", "anything", "no form of embeddings"),
        ("broken.npz", "anything", "no arrays words and vectors"),
        ("empty.txt", "", "cannot be read: empty"),
    ],
)
def test_a_file_that_is_no_embeddings_is_refused(tmp_path: Path, file: str, lines: str, message: str) -> None:
    """With the line where it goes wrong."""
    write_vectors(tmp_path, file, lines)
    with pytest.raises(DataError, match=message):
        fit(with_vectors(tmp_path, file), ["chest pain"])


def test_embeddings_that_are_not_there_are_refused(tmp_path: Path) -> None:
    """Before anything is trained."""
    with pytest.raises(DataError, match=r"inputs\.note\.embeddings: the embeddings cannot be read: missing"):
        fit(with_vectors(tmp_path, "none.txt"), ["chest pain"])


def test_real_abstracts_are_known_by_few_words(real_data: Path) -> None:
    """2,888 abstracts: 20,000 words at most leave few unknown, and repeated texts are found."""
    table = pd.read_csv(real_data / "abstracts" / "medical_tc_test.csv")
    asked, n = a_recipe(rarest=3, length=256), len(table)
    found = records(table["medical_abstract"].tolist())
    held = KIND.read(asked, found, "note")
    fitted = KIND.fit(asked, held, "note", np.arange(n), np.arange(0, n, 2), found.rows)
    assert fitted.facts["unknown"]["other"] < 0.1
    same = KIND.duplicates(held, np.arange(n))
    assert same is not None and 50 < n - len(np.unique(same.exact)) < 120
