"""How numbers and names are written on a page: decimals as medical journals print them, counts, durations, labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
CI = f"95{THIN}% interval"
# Characters that turn the direction of the text after them: a class name must not rearrange the page around it.
_TURNERS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

METRICS = {
    "macro_f1": "Macro-F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "mcc": "Matthews correlation",
    "qwk": "Quadratic-weighted kappa",
    "rank_error": "Mean error in ranks",
    "brier": "Brier score",
    "log_loss": "Log-loss",
}
ARCHITECTURES = {
    "cnn": "CNN",
    "resnet": "ResNet",
    "mobilenet": "MobileNet",
    "squeezenet": "SqueezeNet",
    "pretrained": "pretrained network",
    "lstm": "LSTM",
    "gru": "GRU",
    "grud": "GRU-D",
    "cnn1d": "1-D CNN",
    "resnet1d": "1-D ResNet",
    "inceptiontime": "InceptionTime",
    "bag": "bag of words",
    "tcn": "temporal convolutional network",
    "transformer": "transformer",
    "mlp": "MLP",
}
BASELINES = {
    "majority": "the majority class",
    "boosting": "gradient boosting",
    "tfidf": "TF-IDF with logistic regression",
    "kmer": "k-mers with gradient boosting",
    "minirocket": "MiniRocket with ridge regression",
}
ANY_URGENT = "any urgent class"  # the question about all urgent classes together
CLASS, LABEL = ("class", "classes"), ("label", "labels")  # what a record is of: one class, or several labels
SPLITS = {"train": "training set", "validation": "tuning set", "test": "test set"}


def clean(text: str) -> str:
    """Text with control characters and direction marks made visible as \N{REPLACEMENT CHARACTER}."""
    if text.isprintable():
        return text
    return "".join(
        " " if c in "\n\t\r" else "\N{REPLACEMENT CHARACTER}" if c in _TURNERS or unicodedata.category(c) in _BAD else c
        for c in text
    )


_BAD = ("Cc", "Cs", "Cn")


def decimal(value: float, digits: int = 2) -> str:
    """0.812 as ".81", -0.05 as "−.05", 1.234 as "1.23"."""
    text = f"{abs(value):.{digits}f}"
    zero = float(text) == 0
    return (MINUS if value < 0 and not zero else "") + (text[1:] if text.startswith("0.") else text)


def digits_for(*values: float) -> int:
    """Two decimals, or three where two would round away on which side of zero a value lies."""
    return 3 if any(0 < abs(value) < 0.005 for value in values) else 2


def span(low: float, high: float, digits: int = 2) -> str:
    """ ".77 to .85"."""
    return f"{decimal(low, digits)} to {decimal(high, digits)}"


def integer(value: int) -> str:
    """10015 as "10,015"."""
    return f"{value:,}"


def plural(count: int, singular: str, plural_form: str | None = None) -> str:
    """ "1 record", "2 records"."""
    return f"{integer(count)} {singular if count == 1 else plural_form or singular + 's'}"


def percent(share: float) -> str:
    """.43 as "43 %"; what is neither none nor all never reads as 0 or 100."""
    if 0 < share <= 0.005:
        return f"under 1{THIN}%"
    if 0.995 <= share < 1:
        return f"over 99{THIN}%"
    return f"{share * 100:.0f}{THIN}%"


def duration(seconds: float) -> str:
    """ "33 s", "4 min 56 s", "2 h 5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(whole / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def listing(items: Sequence[str], last: str = "and") -> str:
    """ "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def shorten(text: str, length: int) -> str:
    """At most `length` characters, the cut shown by an ellipsis."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def label(key: str) -> str:
    """A name from code for people: "weight_decay" as "weight decay"."""
    return METRICS.get(key, key.replace("_", " "))


def inline(key: str) -> str:
    """A metric's name within a sentence: "macro-F1", "AUROC"."""
    name = label(key)
    return name if name[:2].isupper() or name.startswith(("Brier", "Matthews")) else name[:1].lower() + name[1:]


def attribute(key: str) -> str:
    """A sensitive attribute, or a crossing of two, for people: "sex x age_band" as "sex × age band"."""
    return key.replace("_", " ").replace(" x ", " × ")


def p_value(value: float | None) -> str:
    """As journals print it: "p < .001", "p = .031", "p = .50"."""
    if value is None:
        return "no p"
    if value < 0.001:
        return "p\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}.001"
    return f"p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{decimal(value, 3 if value < 0.0995 else 2)}"


def architecture(key: str) -> str:
    """An architecture's name for people: "resnet" as "ResNet"."""
    return " + ".join(ARCHITECTURES.get(part, label(part)) for part in key.split("+"))


def baseline(name: str) -> str:
    """A baseline's name within a sentence."""
    return BASELINES.get(name, label(name))


def brief(text: str) -> str:
    """A baseline's name for a narrow place: "boosting" for "gradient boosting"."""
    return text.removeprefix("the ").removeprefix("gradient ").removesuffix(" class")


def headed(name: str) -> str:
    """A question where it begins a line; names of classes stay as the data have them."""
    return capitalize_first(name) if name == ANY_URGENT else name


def capitalize_first(text: str) -> str:
    """The text with a capital first letter, and the others as they are: "JPEG" and "mRNA" keep theirs."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """The text with a capital first letter and a full stop."""
    text = text.strip()
    return capitalize_first(text) + ("" if text.endswith((".", "!", "?")) else ".") if text else ""
