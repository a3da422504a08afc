"""`tag`: the words of texts with their tags and lemmas, by `gristmill run pos`."""

import io
import json
import os
import tarfile
from typing import Any, Dict, Iterable, List, NamedTuple, Optional

from .program import Folder, Input, Option, Running, words


class Word(NamedTuple):
    """A word of a text."""

    form: str
    """The word: a part of the text, or of what a token stands for (French `du`: `de`, `le`)."""
    tag: str
    """The model's own tag; for English a Penn tag. With `tagset=` another."""
    upos: str
    """The universal tag."""
    lemma: Optional[str]
    """Its lemma; None with `lemmas=False`."""
    start: int
    """Where its token begins in the text, in characters."""
    end: int
    """Where its token ends."""


Sentence = List[Word]


def tag(
    texts: Iterable[str],
    model: Optional[Input] = None,
    lemmas: bool = True,
    **options: Option,
) -> List[List[Sentence]]:
    """The sentences of each text, as lists of words.

    English by the built-in model; `model` names the file of another (`gristmill tagger train`), and
    `lemmas=False` goes with one that knows none. All texts are tagged by one process, so give it many
    at once. Further options are those of `gristmill run pos`, such as `tagset="universal"`.
    """
    if isinstance(texts, str):
        raise TypeError("tag() takes a list of texts, not one text: tag([text])")
    listed = list(texts)
    if not listed:
        return []
    folder = Folder()
    packed = folder.file("texts.tar", _packed(listed))
    command = ["run", "pos", "--quiet", "--format", "jsonl", "--output", "-", "--quarantine", folder.quarantine]
    model_file = None if model is None else os.fspath(model)
    command += words({"lemmas": lemmas, "model": model_file, **options}) + folder.list([packed])
    found: List[List[Sentence]] = [[] for _ in listed]
    places = [_Places(text) for text in listed]
    with Running(command, folder) as running:
        for line in running.output:
            sentence = json.loads(line)
            number = int(sentence["document"].rpartition("/")[2])
            found[number].append(_sentence(sentence, places[number]))
        running.check()
    return found


def _packed(texts: List[str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number, text in enumerate(texts):
            # Behind a line's end no text looks like a file of another format.
            data = b"\n" + text.encode("utf-8")
            member = tarfile.TarInfo(str(number))
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


class _Places:
    """Offsets in UTF-8, which only grow, as places in the text."""

    def __init__(self, text: str) -> None:
        self._data = None if text.isascii() else text.encode("utf-8")
        self._byte = 0
        self._place = 0

    def place(self, byte: int) -> int:
        if self._data is None:
            return byte
        if byte < self._byte:
            self._place -= len(self._data[byte : self._byte].decode("utf-8"))
        else:
            self._place += len(self._data[self._byte : byte].decode("utf-8"))
        self._byte = byte
        return self._place


def _sentence(found: Dict[str, Any], places: _Places) -> Sentence:
    lemmas = found.get("lemmas") or [None] * len(found["tokens"])
    columns = zip(found["tokens"], found["tags"], found["upos"], lemmas, found["offsets"])
    return [
        Word(form, tag, upos, lemma, places.place(start - 1), places.place(end - 1))
        for form, tag, upos, lemma, (start, end) in columns
    ]
