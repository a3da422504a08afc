"""Sentences of words in batches of tensors, and the reading of training text."""

import gzip
from collections import Counter

import torch

from pieces import shape

MOST_PIECES = 200  # of one stretch; a longer sentence is cut into several


def open_text(path):
    return (gzip.open if str(path).endswith(".gz") else open)(path, "rt", encoding="utf-8")


def read_conllu(path):
    """Sentences as (words, XPOS tags, UPOS tags)."""
    words, tags, universal = [], [], []
    with open_text(path) as file:
        for line in file:
            columns = line.rstrip("\n").split("\t")
            if columns[0].isdigit():
                words.append(columns[1])
                tags.append(columns[4])
                universal.append(columns[3])
            elif len(columns) == 1 and not columns[0] and words:
                yield words, tags, universal
                words, tags, universal = [], [], []
    if words:
        yield words, tags, universal


def frequent_shapes(sentences, most=200):
    counts = Counter(shape(word) for words, _, _ in sentences for word in words)
    ranked = sorted(counts, key=lambda s: (-counts[s], s))[:most]
    return {name: number + 1 for number, name in enumerate(ranked)}


class Stretch:
    """Words that are read together: a sentence, or a piece of a long one."""

    def __init__(self, words, pieces, shapes):
        ids = [pieces.of(word) for word in words]
        self.words = len(words)
        self.pieces, self.shapes, self.first, self.last = [pieces.vocabulary["[CLS]"]], [0], [], []
        for word, own in zip(words, ids):
            self.first.append(len(self.pieces))
            self.pieces += own
            self.shapes += [shapes.get(shape(word), 0)] * len(own)
            self.last.append(len(self.pieces) - 1)
        self.pieces.append(pieces.vocabulary["[SEP]"])
        self.shapes.append(0)


def cut(words, pieces):
    """(from, to) of the stretches of a sentence."""
    start, room = 0, MOST_PIECES
    for at, word in enumerate(words):
        need = len(pieces.of(word))
        if need > room:
            yield start, at
            start, room = at, MOST_PIECES
        room -= need
    yield start, len(words)


def tensors(batch):
    """The encoder's arguments for a list of stretches."""
    width = max(len(stretch.pieces) for stretch in batch)
    pad = lambda rows: torch.tensor([row + [0] * (width - len(row)) for row in rows])
    places = lambda name: torch.tensor(
        [number * width + at for number, stretch in enumerate(batch) for at in getattr(stretch, name)])
    return (pad([s.pieces for s in batch]), pad([s.shapes for s in batch]),
            torch.tensor([len(s.pieces) for s in batch]), places("first"), places("last"))


def by_length(stretches, most_pieces, order):
    """Batches of places in `stretches`, of like length, at most `most_pieces` with the padding."""
    batch, width = [], 0
    for at in order:
        width = max(width, len(stretches[at].pieces))
        if batch and width * (len(batch) + 1) > most_pieces:
            yield batch
            batch, width = [], len(stretches[at].pieces)
        batch.append(at)
    if batch:
        yield batch
