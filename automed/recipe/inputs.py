"""What a record offers the model: the models under `inputs`, one a kind."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from automed.recipe.part import Part

Positive = Annotated[float, Field(gt=0)]
Columns = Annotated[tuple[str, ...], Field(min_length=1)]


class ImageInput(Part):
    """An image: `size` is (height, width) after decoding; `window` is (centre, width) for DICOM.

    `mask` names files that show where the sign is, as `column` names the images; some may be missing. No model reads
    them: explanations are held against them.
    """

    kind: Literal["image"]
    column: str | None = None
    size: tuple[Annotated[int, Field(ge=8, le=1024)], Annotated[int, Field(ge=8, le=1024)]] = (64, 64)
    channels: Literal[1, 3] = 3
    fit: Literal["stretch", "pad", "crop"] = "stretch"
    window: tuple[float, Positive] | None = None
    mask: str | None = None

    @model_validator(mode="after")
    def _mask_is_another_file(self) -> Self:
        if self.mask is not None and self.mask == self.column:
            raise ValueError("mask must name other files than column, got the images themselves")
        return self


class Events(Part):
    """Irregular observations in a long table: one row an observation, as hospitals export.

    Times are cut into bins of width `bin`, in the unit of the column `time`, beginning at 0; what comes later than
    `length` bins is left out. `missing` are values that stand for none, such as -1.
    """

    table: str
    record: str
    time: str = "time"
    variable: str = "variable"
    value: str = "value"
    bin: Positive
    length: Annotated[int, Field(ge=1, le=100_000)]
    variables: Columns | None = None
    missing: tuple[float, ...] = ()


class SignalInput(Part):
    """A signal: from files (`column`), columns of the table (`columns`), an array file (`array`) or `events`.

    `array` names an npy file, or an array in an npz file as `file.npz:name`, whose rows are those of the table.
    `length` is in steps: shorter signals are padded, longer ones cut; left out, the longest decides.
    """

    kind: Literal["signal"]
    column: str | None = None
    columns: Columns | None = None
    array: str | None = None
    events: Events | None = None
    length: Annotated[int, Field(ge=2, le=1_000_000)] | None = None
    rate: Positive | None = None  # steps a second, for what is shown
    channels: tuple[str, ...] = ()
    scale: float = 1.0  # what stored numbers are multiplied by
    average: Annotated[int, Field(ge=1, le=1000)] = 1  # so many neighbouring steps become one

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        named = [name for name in ("column", "columns", "array", "events") if getattr(self, name) is not None]
        if len(named) > 1:
            raise ValueError(f"takes one of column, columns, array and events, got {' and '.join(named)}")
        return self


class TextInput(Part):
    """A text in a column; `length` and `vocabulary` are in tokens, `tokenizer` is fitted on the training records."""

    kind: Literal["text"]
    column: str | None = None
    tokenizer: Literal["words", "wordpiece", "bpe"] = "words"
    vocabulary: Annotated[int, Field(ge=10, le=1_000_000)] = 20_000
    rarest: Annotated[int, Field(ge=1)] = 3  # a word of fewer training records is unknown: it might name a person
    length: Annotated[int, Field(ge=1, le=8192)] = 256
    embeddings: str | None = None


class SequenceInput(Part):
    """A sequence of letters or tokens in a column; `length` left out, the longest of the training records decides."""

    kind: Literal["sequence"]
    column: str | None = None
    alphabet: Literal["dna", "protein", "smiles"]
    length: Annotated[int, Field(ge=1, le=100_000)] | None = None
    embeddings: str | None = None


class TabularInput(Part):
    """Columns of the table as they are: numbers, and `categories` among them; `missing` are numbers that mean none."""

    kind: Literal["tabular"]
    columns: Columns
    categories: tuple[str, ...] = ()
    missing: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _categories_are_columns(self) -> Self:
        if strange := [name for name in self.categories if name not in self.columns]:
            raise ValueError(f"categories must be among columns, got {', '.join(strange)}")
        return self


Input = Annotated[
    ImageInput | SignalInput | TextInput | SequenceInput | TabularInput,
    Field(discriminator="kind"),
]


def irregular(spec: Input) -> bool:
    """Whether an input is a signal that was not observed at even steps."""
    return isinstance(spec, SignalInput) and spec.events is not None
