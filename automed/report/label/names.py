"""Names from the data within a sentence: isolated, so that none of them turns the text around it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup


def named(name: str) -> Markup:
    """A name from the data, which may be of any script."""
    return Markup("<bdi>{}</bdi>").format(name)


def joined(names: Sequence[str], last: str = "and") -> Markup:
    """Names from the data as a listing."""
    isolated = [named(name) for name in names]
    if len(isolated) < 2:
        return isolated[0] if isolated else Markup()
    return Markup("{} {} {}").format(Markup(", ").join(isolated[:-1]), last, isolated[-1])
