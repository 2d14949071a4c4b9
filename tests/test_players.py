"""How records of each kind are cut, what stands where a part is hidden, and how many coalitions are asked at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from madeinputs import CASES, columns, irregular, records, signal

from automed.explain.players.image import KIND as IMAGE
from automed.explain.players.record import Players, ask_many, divide
from automed.explain.players.signal import KIND as SIGNAL
from automed.explain.players.tabular import KIND as TABLE
from automed.explain.players.tokens import KIND as TOKENS
from automed.explain.subject import LARGE, SMALL, InputSpec, Subject


def picture(shape: tuple[int, int, int]) -> InputSpec:
    return InputSpec("picture", "image", shape, "uint8", {})


def course(steps: int, channels: int, **facts: Any) -> InputSpec:
    names = [f"V{k + 1}" for k in range(channels)]
    return InputSpec("ecg", "signal", (steps, channels), "float32", {"channels": names, **facts})


# ---- images -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 3), (28, 28, 1), (64, 48, 3), (1, 1, 1), (5, 40, 1), (20, 20, 4)])
@pytest.mark.parametrize("parts", [1, 2, 7, 40, 10_000])
def test_an_image_has_at_most_as_many_superpixels_as_asked_for(shape: tuple[int, int, int], parts: int) -> None:
    """From one for the whole to one for each pixel, and not many fewer where there are pixels enough."""
    record = np.random.default_rng(0).integers(1, 255, shape).astype(np.uint8)
    found = IMAGE.divide(picture(shape), record, parts, 0)
    count = len(found.names)
    assert 1 <= count <= min(parts, shape[0] * shape[1])
    if parts == 40 and shape[0] * shape[1] >= 700:
        assert count >= 20
    if parts >= shape[0] * shape[1]:
        assert count == shape[0] * shape[1]


def test_superpixels_follow_what_is_in_the_image() -> None:
    """A bright square is cut off from the dark around it: hardly a region holds both."""
    record = np.full((48, 48, 1), 40, np.uint8)
    record[14:30, 18:34] = 200
    part = IMAGE.divide(picture(record.shape), record, 30, 0).part
    bright = record[..., 0] > 100
    mixed = [k for k in range(part.max() + 1) if 0.1 < bright[part == k].mean() < 0.9]
    assert len(mixed) <= 2


@pytest.mark.parametrize("value", [1, 128, 255])
def test_a_constant_image_is_cut_into_a_grid(value: int) -> None:
    """There is nothing to follow in it."""
    part = IMAGE.divide(picture((30, 30, 1)), np.full((30, 30, 1), value, np.uint8), 25, 0).part
    np.testing.assert_array_equal(part, part[:, :1] + part[:1])
    assert part.max() == 24


def test_what_stands_in_for_an_image_is_no_black_hole_and_has_no_detail() -> None:
    """It is as bright as image and background together, and smooth."""
    random = np.random.default_rng(0)
    record = random.integers(90, 150, (32, 32, 3)).astype(np.uint8)
    background = random.integers(110, 130, (200, 32, 32, 3)).astype(np.uint8)
    (found,) = IMAGE.stand_ins(picture(record.shape), record, background, 0)
    assert abs(found.mean() - 120) < 2 and np.abs(np.diff(found.astype(int), axis=0)).max() <= 3


def test_absent_training_images_do_not_darken_what_stands_in() -> None:
    """A black picture is none."""
    record = np.full((16, 16, 1), 100, np.uint8)
    background = np.stack([record, record * 0, record * 0])
    assert (IMAGE.stand_ins(picture(record.shape), record, background, 0) == 100).all()


# ---- signals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "parts", "players", "stretches"),
    [(1, 40, 40, 40), (2, 40, 40, 20), (12, 40, 48, 4), (12, 120, 120, 10), (20, 20, 60, 3), (64, 40, 64, 1)],
)
def test_time_is_cut_as_finely_as_the_variables_allow(channels: int, parts: int, players: int, stretches: int) -> None:
    """Four stretches of each variable at least, as far as three times the parts permit; then fewer."""
    found = SIGNAL.divide(course(400, channels), np.ones((400, channels), np.float32), parts, 0)
    assert len(found.names) == players
    assert len(np.unique(found.part[:, 0])) == stretches


def test_more_variables_than_players_are_grouped_with_their_neighbours() -> None:
    """Over the whole time."""
    found = SIGNAL.divide(course(10, 100), np.ones((10, 100), np.float32), 20, 0)
    assert len(found.names) == 60 and found.names[:3] == ("V1 to V2", "V3 to V4", "V5")
    assert (found.part == found.part[0]).all() and (np.diff(found.part[0]) >= 0).all()


def test_stretches_are_named_by_their_time() -> None:
    """In the unit of the signal where it is known, else in what is known."""
    values = np.ones((1000, 2), np.float32)
    assert SIGNAL.divide(course(1000, 2, step=0.01, unit="s"), values, 50, 0).names[28] == "V2, 1.2 to 1.6 s"
    assert SIGNAL.divide(course(1000, 2, step=60, unit=None), values, 8, 0).names[1] == "V1, time 15000 to 30000"
    assert SIGNAL.divide(course(1000, 2), values, 8, 0).names[-1] == "V2, steps 751 to 1000"


def test_padding_and_variables_without_a_value_are_in_no_player() -> None:
    """A gap inside is."""
    record = np.ones((20, 3), np.float32)
    record[12:] = np.nan
    record[4:6] = np.nan
    record[:, 1] = np.nan
    part = SIGNAL.divide(course(20, 3), record, 6, 0).part
    assert (part[12:] == -1).all() and (part[:, 1] == -1).all()
    assert (part[:12][:, [0, 2]] >= 0).all() and part.max() == 7


def test_an_average_course_stands_in_for_a_regular_signal() -> None:
    """At each step of each channel the mean of those that have a value there; of none, the channel's own mean."""
    background = np.array([[[1, 10], [3, 20]], [[3, np.nan], [5, np.nan]], [[np.nan, np.nan]] * 2], np.float32)
    (found,) = SIGNAL.stand_ins(course(2, 2), np.zeros((2, 2), np.float32), background, 0)
    np.testing.assert_allclose(found, [[2, 10], [4, 20]])
    background[0, 1, 1] = np.nan
    (found,) = SIGNAL.stand_ins(course(2, 2), np.zeros((2, 2), np.float32), background, 0)
    np.testing.assert_allclose(found, [[2, 10], [4, 10]])


def test_value_mask_and_elapsed_time_of_an_irregular_signal_are_hidden_together() -> None:
    """Whatever is shown, the three of a variable at a step come from one patient."""
    facts = irregular(24, 3)
    spec = InputSpec("icu", "signal", facts.shape, "float32", facts.facts)
    x = records(facts, 12)
    game = divide(Subject(None, (spec,), ("a", "b")), {"icu": x}, 0, {"icu": x[4:10]}, 12, 0)
    shown = np.random.default_rng(1).random((20, len(game))) < 0.5
    for reference in range(game.references):
        stand_in = game.stand_ins["icu"][reference]
        assert any(stand_in.tobytes() == other.tobytes() for other in x[4:10])
        for composed in game.compose(shown, reference)["icu"]:
            triples, mine, other = (np.nan_to_num(a.reshape(24, 3, 3), nan=-9) for a in (composed, x[0], stand_in))
            assert ((triples == mine).all(axis=1) | (triples == other).all(axis=1)).all()


def test_a_variable_that_was_never_observed_is_in_no_player() -> None:
    """Its values may be carried from nowhere; the mask says it."""
    facts = irregular(10, 2)
    spec = InputSpec("icu", "signal", facts.shape, "float32", facts.facts)
    record = np.zeros((10, 6), np.float32)
    record[:, 1] = np.nan
    record[[2, 6], 2] = 1
    found = SIGNAL.divide(spec, record, 8, 0)
    assert (found.part[:, 1] == -1).all() and (found.part[7:, 0] == -1).all()
    assert (found.part[:7, 0] >= 0).all() and found.names[0] == "value 0, step 1"


# ---- texts and sequences ------------------------------------------------------------------------------------------


def note(vocabulary: list[str], tokens: int, tokenizer: str = "words") -> InputSpec:
    facts = {"vocabulary": ["", "[unknown]", *vocabulary], "tokenizer": tokenizer}
    return InputSpec("note", "text", (tokens,), "int32", facts)


def test_words_are_players_with_their_place_and_spelling() -> None:
    """An unknown word has a place alone, and padding is in no player."""
    spec = note(["chest", "pain", "since"], 6)
    found = TOKENS.divide(spec, np.array([2, 3, 1, 4, 0, 0], np.int32), 40, 0)
    assert found.names == ("word 1 (chest)", "word 2 (pain)", "word 3", "word 4 (since)")
    assert found.part.tolist() == [0, 1, 2, 3, -1, -1]


def test_more_words_than_parts_become_runs() -> None:
    """Of neighbouring words, about as many each."""
    spec = note(["a", "b", "c", "d", "e"], 6)
    found = TOKENS.divide(spec, np.array([2, 3, 4, 5, 6, 0], np.int32), 2, 0)
    assert found.names == ("words 1 to 3 (a b c)", "words 4 to 5 (d e)")


@pytest.mark.parametrize(
    ("tokenizer", "pieces"),
    [("wordpiece", ["pneumo", "##nia", "left"]), ("bpe", ["▁pneumo", "nia", "▁left"])],
)
def test_pieces_of_a_word_are_one_player(tokenizer: str, pieces: list[str]) -> None:
    """As either tokenizer marks them."""
    found = TOKENS.divide(note(pieces, 5, tokenizer), np.array([2, 3, 4, 0, 0], np.int32), 40, 0)
    assert found.names == ("word 1 (pneumonia)", "word 2 (left)")
    assert found.part.tolist() == [0, 0, 1, -1, -1]


def test_a_text_of_a_foreign_model_has_no_spelling() -> None:
    """Without a vocabulary there are places."""
    found = TOKENS.divide(InputSpec("note", "text", (4,), "int32", {}), np.array([9, 7, 0, 0], np.int32), 40, 0)
    assert found.names == ("word 1", "word 2")


def test_long_sequences_are_cut_into_stretches_of_one_length() -> None:
    """Named by their letters."""
    facts = {"alphabet": ["", "[unknown]", *"ACGT"]}
    spec = InputSpec("dna", "sequence", (12,), "uint8", facts)
    record = np.array([2, 3, 4, 5] * 3, np.uint8)
    assert TOKENS.divide(spec, record, 40, 0).names[4] == "letter 5 (A)"
    assert TOKENS.divide(spec, record, 4, 0).names == tuple(
        f"letters {k} to {k + 2} ({t})" for k, t in zip((1, 4, 7, 10), ("ACG", "TAC", "GTA", "CGT"), strict=True)
    )


def test_letters_of_aligned_sequences_come_from_others_at_the_same_place() -> None:
    """Of sequences that begin anywhere the unknown letter stands in, and so it does in texts."""
    facts = {"alphabet": ["", "N", *"ACGT"], "aligned": True}
    record, background = np.full(6, 2, np.uint8), np.random.default_rng(0).integers(2, 6, (20, 6)).astype(np.uint8)
    background[3, 4:] = 0
    found = TOKENS.stand_ins(InputSpec("dna", "sequence", (6,), "uint8", facts), record, background, 0)
    assert len(found) == 8 and {row.tobytes() for row in found} <= {
        np.where(row == 0, 1, row).astype(np.uint8).tobytes() for row in background
    }
    for spec in (InputSpec("dna", "sequence", (6,), "uint8", {}), InputSpec("note", "text", (6,), "uint8", facts)):
        assert (TOKENS.stand_ins(spec, record, background, 0) == np.ones((1, 6))).all()


# ---- tables -------------------------------------------------------------------------------------------------------


def test_columns_are_players_also_where_a_value_is_missing() -> None:
    """That it is missing may speak for a class; a row without anything has none."""
    facts = columns()
    spec = InputSpec("table", "tabular", facts.shape, "float32", facts.facts)
    row = np.array([60, np.nan, 1, 2], np.float32)
    assert TABLE.divide(spec, row, 40, 0).names == ("age", "sex", "site", "place")
    assert TABLE.divide(spec, row, 2, 0).names == ("age to sex", "site to place")
    assert TABLE.divide(spec, row * np.nan, 40, 0).names == ()


def test_hidden_columns_come_from_whole_rows_of_other_patients() -> None:
    """Up to eight different ones, by the seed, and never from a row in which everything is missing."""
    facts = columns()
    spec = InputSpec("table", "tabular", facts.shape, "float32", facts.facts)
    background = records(facts, 30)
    one, other = (TABLE.stand_ins(spec, background[0], background, seed) for seed in (0, 1))
    present = {row.tobytes() for row in background[:-1]}
    assert len(one) == 8 and {row.tobytes() for row in one} <= present and one.tobytes() != other.tobytes()


# ---- asking -------------------------------------------------------------------------------------------------------


class Linear:
    """A classifier in closed form that counts how it is called: .5 plus and minus a weighted sum of the columns."""

    def __init__(self, weights: Any) -> None:
        self.weights, self.sizes = np.asarray(weights), []

    def predict_on_batch(self, x: Any) -> Any:
        """Probabilities (n, 2)."""
        self.sizes.append(len(x))
        score = x @ self.weights
        return np.stack([0.5 - score, 0.5 + score], axis=1)


def linear_games(model: Linear, n: int, p: int) -> list[Players]:
    spec = InputSpec("table", "tabular", (p,), "float32", {})
    random = np.random.default_rng(0)
    x, background = random.normal(size=(n, p)).astype(np.float32), random.normal(size=(20, p)).astype(np.float32)
    subject = Subject(model, (spec,), ("no", "yes"))
    return [divide(subject, {"table": x}, i, {"table": background}, 40, 0) for i in range(n)]


def test_asking_for_many_records_is_asking_for_each() -> None:
    """Whatever the order, the repetitions and the number of coalitions of each."""
    model = Linear([0.01, -0.02, 0.03])
    games = linear_games(model, 5, 3)
    random = np.random.default_rng(1)
    asked = [(game, random.random((m, 3)) < 0.5) for game, m in zip(games, (1, 7, 0, 300, 2), strict=True)]
    for (game, shown), found in zip(asked, ask_many(asked), strict=True):
        assert found.shape == (len(shown), 2) and found.dtype == np.float32
        mean = game.stand_ins["table"].mean(axis=0)
        wanted = np.where(shown, game.record["table"], mean) @ model.weights
        np.testing.assert_allclose(found[:, 1], 0.5 + wanted, atol=1e-6)
        np.testing.assert_allclose(game.ask(shown), found, atol=1e-6)
    assert ask_many([]) == []


def test_the_model_is_asked_in_full_batches_and_once_for_each_coalition() -> None:
    """Coalitions of several records share a batch; one that comes twice is not asked twice."""
    model = Linear([0.01] * 4)
    games = linear_games(model, 6, 4)
    every = (np.arange(16)[:, None] >> np.arange(4) & 1).astype(bool)
    model.sizes.clear()
    ask_many([(game, np.concatenate([every] * 5)) for game in games])
    assert model.sizes == [LARGE] * (6 * 16 * games[0].references // LARGE)
    model.sizes.clear()
    ask_many([(game, every[:1]) for game in games])
    assert set(model.sizes) <= {SMALL, LARGE} and len(model.sizes) == 1


def test_coalitions_of_0_and_1_are_coalitions() -> None:
    """The libraries hand over numbers."""
    game = linear_games(Linear([0.1, 0.2]), 1, 2)[0]
    np.testing.assert_array_equal(game.ask(np.array([[1.0, 0.0]])), game.ask(np.array([[True, False]])))


def test_memory_does_not_grow_with_the_number_of_coalitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few batches, cut wherever one is full, give the same answers."""
    games = linear_games(Linear([0.01] * 9), 3, 9)
    shown = np.random.default_rng(0).random((500, 9)) < 0.5
    whole = ask_many([(game, shown) for game in games])
    monkeypatch.setattr("automed.explain.players.record._BLOCK_BYTES", 1)
    for one, other in zip(whole, ask_many([(game, shown) for game in games]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_parts_are_shared_out_among_inputs() -> None:
    """Players are counted through, their names say whose they are, and an input that is absent has none."""
    facts = {"course": signal(), "patient": columns()}
    specs = tuple(InputSpec(name, one.kind, one.shape, "float32", one.facts) for name, one in facts.items())
    x = {name: records(one, 6) for name, one in facts.items()}
    x["course"][2] = np.nan
    subject = Subject(None, specs, ("a", "b"))
    game = divide(subject, x, 0, x, 24, 0)
    assert game.owner == ("course",) * 12 + ("patient",) * 4
    assert game.names[0].startswith("course: lead 0") and game.names[-1] == "patient: place"
    assert sorted(np.unique(game.parts["patient"])) == [12, 13, 14, 15]
    assert len(game.stand_ins["course"]) == len(game.stand_ins["patient"]) == game.references
    alone = divide(subject, x, 2, x, 24, 0)
    assert alone.owner == ("patient",) * 4 and (alone.parts["course"] == -1).all()


def test_stand_ins_can_be_limited() -> None:
    """Where a call of the model is dear."""
    facts = CASES["tabular"]
    spec = InputSpec("table", "tabular", facts.shape, "float32", facts.facts)
    x = {"table": records(facts, 30)}
    assert divide(Subject(None, (spec,), ("a", "b")), x, 0, x, 24, 0, references=2).references == 2
