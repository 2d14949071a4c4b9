"""What all parts of a recipe share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
UnitInterval = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]


def expanded(text: str | Path) -> Path:
    """A path whose ~ is the home of its user; one of a user who is not known stays as it is, as in a shell."""
    return Path(os.path.expanduser(text))  # noqa: PTH111  # pathlib's raises RuntimeError there


class Part(BaseModel):
    """A part of a recipe: frozen, strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
