"""Players: the parts of a record that can be shown or hidden, one file a kind of input.

Each file has `divide(spec, record, parts, seed) -> Division` and `stand_ins(spec, record, background, seed)`, what
stands where a part is hidden. Methods that ask a model without looking inside it (Shapley values over coalitions, LIME,
occlusion) and the deletion curves of the validation all hide through these, so that they mean the same by "hidden".
"""

from __future__ import annotations

from automed.registry import Entry, Table

DIVISIONS = Table(
    "kind of input",
    {
        "image": Entry("automed.explain.players.image:KIND", "superpixels; hidden ones are filled from around them"),
        "signal": Entry("automed.explain.players.signal:KIND", "stretches of time of one variable"),
        "text": Entry("automed.explain.players.tokens:KIND", "words; hidden ones are unknown words"),
        "sequence": Entry("automed.explain.players.tokens:KIND", "letters or stretches of them"),
        "tabular": Entry("automed.explain.players.tabular:KIND", "columns; hidden ones come from other patients"),
    },
)
