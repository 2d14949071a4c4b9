"""What is wrong with a recipe, in words: file, line, key, the wrong value, the nearest known key."""

from __future__ import annotations

import re
import types
import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from automed.errors import RecipeError
from automed.recipe.schema import Lines, Recipe, locate
from automed.registry import nearest

MORE = 5  # further errors that are told with the first

_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "dict": "a mapping of keys",
    "model": "a mapping of keys",
}


def complain(problem: ValidationError, shown: str, lines: Lines, model: type[BaseModel] = Recipe) -> RecipeError:
    """The error for a person: the first complaint is the message, the next ones stand in the hint.

    Args:
        problem: what pydantic found.
        shown: the recipe as the person named it.
        lines: where each key stands.
        model: what the file was held against.
    """
    told: dict[str, tuple[str, str | None]] = {}
    # A key that is not known comes first: where another is missing, it is often the misspelt one.
    for error in sorted(problem.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden"):
        key, known = _key(error["loc"], model)
        if error["type"].startswith("union_tag"):
            key = f"{key}.{error['ctx']['discriminator']}".replace("'", "")
        what, hint = _explain(error, key, known)
        if key in told:  # each branch of a union complains: a number, or one of some words
            first, earlier = told[key]
            also = re.sub(r", got .*$", "", what).removeprefix(f"{key} ").removeprefix("must be ")
            told[key] = (first, "\n  ".join(line for line in (earlier, f"Or {also}.") if line))
        else:
            told[key] = (what, hint)
    (key, (what, hint)), *rest = told.items()
    more = [f"{locate(shown, lines, other)}: {text}" for other, (text, _) in rest[:MORE]]
    return RecipeError(what, where=locate(shown, lines, key), hint="\n  ".join(filter(None, [hint, *more])) or None)


def _key(location: tuple[str | int, ...], model: type[BaseModel]) -> tuple[str, list[str]]:
    """The dotted key of an error without what pydantic puts in between, and the keys known at its parent."""
    parts: list[str] = []
    known: list[str] = []
    annotation: Any = model
    for part in location:
        models = _models(annotation)
        if len(models) > 1:  # the union's tag
            annotation = next((model for model in models if part in _tags(model)), None)
        elif models and part != "[key]":
            fields = {field.alias or name: field for name, field in models[0].model_fields.items()}
            known = list(fields)
            parts.append(str(part))
            annotation = fields[str(part)].annotation if part in fields else None
        elif (inner := _inner(annotation, part)) is not None:
            parts.append(str(part))
            known, annotation = [], inner
    return ".".join(parts), known


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return [model for inner in typing.get_args(annotation) for model in _models(inner)]
    return []


def _inner(annotation: Any, part: str | int) -> Any:
    """What a dict holds under `part` or a tuple at it; None where the annotation is neither."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _inner(arguments[0], part)
    if origin in (typing.Union, types.UnionType):
        return next((found for inner in arguments if (found := _inner(inner, part)) is not None), None)
    if origin is dict:
        return arguments[1]
    if origin is tuple and isinstance(part, int):
        return arguments[0] if ... in arguments or part >= len(arguments) else arguments[part]
    return None


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    for name in ("source", "by", "kind"):
        if name in model.model_fields:
            return typing.get_args(model.model_fields[name].annotation)
    return ()


def _explain(error: Any, key: str, known: list[str]) -> tuple[str, str | None]:
    """What is wrong and what to do, in words."""
    kind, value, context = error["type"], error.get("input"), error.get("ctx", {})
    shown = repr(value) if isinstance(value, str | int | float | bool | type(None)) else f"a {type(value).__name__}"
    if kind == "extra_forbidden":
        guess = nearest(key.rpartition(".")[2], known)
        return f"{key} is not a known key", f"Did you mean {guess!r}?" if guess else f"Known here: {', '.join(known)}."
    if kind in ("missing", "union_tag_not_found"):
        return f"{key} is missing", None
    if kind == "union_tag_invalid":
        return _one_of(key, str(context["tag"]), context["expected_tags"])
    if kind == "literal_error":
        return _one_of(key, value, context["expected"])
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"{key} must be {words} {context[name]}, got {shown}", None
    if kind == "string_pattern_mismatch":
        return f"{key} must match {context['pattern']}, got {shown}", None
    if kind == "too_short":
        return f"{key} must hold at least {context['min_length']}, got {context['actual_length']}", None
    if kind.endswith(("_type", "_parsing", "_from_float")) and kind.split("_")[0] in _KINDS:
        return f"{key} must be {_KINDS[kind.split('_')[0]]}, got {shown}", None
    if kind == "value_error":
        return f"{key}: {context.get('error', error['msg'])}", None
    return f"{key}: {error['msg'][0].lower()}{error['msg'][1:]}, got {shown}", None


def _one_of(key: str, value: Any, expected: str) -> tuple[str, str | None]:
    options = [text.strip(" '") for text in re.split(r",| or ", expected)]
    guess = nearest(str(value), options)
    hint = f"Did you mean {guess!r}?" if guess else None
    listed = f"one of {', '.join(options)}" if len(options) > 1 else repr(options[0])
    return f"{key} must be {listed}, got {value!r}", hint
