"""Scripts inside a page: each whole and known by its hash, their data beside them where nothing in it can run."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from markupsafe import Markup

# What ends a script, opens a comment in it or breaks a line in JavaScript, as JSON writes it where it means nothing.
ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&'\u2028\u2029"}


def inline(name: str) -> Markup:
    """The script element of `scripts/NAME.js`, which no value of a run goes into."""
    return Markup("<script>{}</script>").format(Markup(_source(name)))


def data(id: str, value: Any) -> Markup:
    """A value as a block that scripts read by `JSON.parse(document.getElementById(ID).textContent)`.

    Args:
        id: of the element; ours.
        value: what JSON can hold; a name in it may be anything, and NaN is an error.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":")).translate(ESCAPES)
    block = Markup('<script type="application/json" id="{}">{}</script>')
    return block.format(id, Markup(text))


def policy(names: Sequence[str]) -> str:
    """The Content-Security-Policy of a page with these scripts.

    Nothing may be fetched, and nothing run but these very scripts, whatever a class is called: pictures and style are
    inside the page.
    """
    run = f"script-src {' '.join(digest(name) for name in names)}; " if names else ""
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; {run}base-uri 'none'; form-action 'none'"


def digest(name: str) -> str:
    """What the policy calls a script: the quoted SHA-256 of what stands in its element.

    Source: Content Security Policy Level 3 (W3C), section 2.3.1, hash-source.
    """
    return f"'sha256-{b64encode(sha256(_source(name).encode()).digest()).decode()}'"


@cache
def _source(name: str) -> str:
    text = (resources.files("automed.report") / "scripts" / f"{name}.js").read_text(encoding="utf-8")
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError(f"{name}.js holds what ends a script inside a page")
    return text
