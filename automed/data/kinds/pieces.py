"""Words cut into pieces that occur often: WordPiece and byte-pair encoding, learnt from the training texts alone.

The work is done by the library `tokenizers`. It is handed words that `automed.data.kinds.text` has cut, so that all
tokenizers agree about what a word is, and nothing but the training texts is ever read.

Source: Schuster and Nakajima 2012, ICASSP, 5149 (WordPiece); Sennrich, Haddow and Birch 2016, arXiv:1508.07909 (BPE).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from automed.data.kinds.tokens import SPECIAL

BEGINS = "▁"  # how byte-pair encoding marks a piece that begins a word
CONTINUES = "##"  # how WordPiece marks a piece that goes on with one
_UNKNOWN = SPECIAL[1]
_LONGEST = 1000  # letters of a word, above which WordPiece calls it unknown; some languages write no spaces
_AT_ONCE = 1000


def learn(method: str, words: Mapping[str, int], size: int) -> str:
    """The rules that cut words, as JSON text.

    Args:
        method: `wordpiece` or `bpe`.
        words: how often each training word occurs.
        size: how many pieces at most, if the letters alone are not more.

    Returns:
        What `cut` needs; the same words give the same text on every machine.
    """
    return _wordpiece(words, size) if method == "wordpiece" else _pairs(words, size)


def cut(state: str, words: Sequence[str]) -> list[list[str]]:
    """The pieces of each word; letters that were not in the training words are `[unknown]`."""
    return [found.tokens for found in Tokenizer.from_str(state).encode_batch(list(words))]


def _wordpiece(words: Mapping[str, int], size: int) -> str:
    letters = sorted(set("".join(words)))
    # The library numbers letters in an order that changes from process to process: here they have numbers already.
    fixed = [_UNKNOWN, *letters, *(CONTINUES + letter for letter in letters)]
    learner = Tokenizer(models.WordPiece(unk_token=_UNKNOWN))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(vocab_size=size + 1, special_tokens=fixed, show_progress=False)
    learner.train_from_iterator(_repeated(words), trainer)
    return _bare(models.WordPiece(learner.get_vocab(), unk_token=_UNKNOWN, max_input_chars_per_word=_LONGEST), None)


def _pairs(words: Mapping[str, int], size: int) -> str:
    marks = pre_tokenizers.Metaspace(replacement=BEGINS, prepend_scheme="always")
    learner = Tokenizer(models.BPE(unk_token=_UNKNOWN))
    learner.pre_tokenizer = marks
    trainer = trainers.BpeTrainer(vocab_size=size + 1, special_tokens=[_UNKNOWN], show_progress=False)
    learner.train_from_iterator(_repeated(words), trainer)
    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    return _bare(models.BPE(learner.get_vocab(), merges, unk_token=_UNKNOWN), marks)


def _bare(model: models.Model, marks: pre_tokenizers.PreTokenizer | None) -> str:
    """A tokenizer of nothing but these rules: special tokens of the learner would be found inside of texts."""
    tokenizer = Tokenizer(model)
    if marks is not None:
        tokenizer.pre_tokenizer = marks
    return str(tokenizer.to_str())


def _repeated(words: Mapping[str, int]) -> Iterator[str]:
    for word in sorted(words):
        for start in range(0, words[word], _AT_ONCE):
            yield " ".join([word] * min(_AT_ONCE, words[word] - start))
