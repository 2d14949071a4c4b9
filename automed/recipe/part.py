"""What all parts of a recipe share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
UnitInterval = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]


class Part(BaseModel):
    """A part of a recipe: frozen, strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
