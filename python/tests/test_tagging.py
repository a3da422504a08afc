"""`tag`: the words of texts, with places that are those of the text."""

import subprocess

import pytest

import gristmill as gm
from gristmill import binary


def test_english():
    texts = ["The dogs were barking. I don't mind!", "", "Über 10 cafés opened — déjà vu."]
    found = gm.tag(texts)
    assert [len(sentences) for sentences in found] == [2, 0, 1]
    first = found[0][0]
    assert [word[:4] for word in first[:3]] == [
        ("The", "DT", "DET", "the"),
        ("dogs", "NNS", "NOUN", "dog"),
        ("were", "VBD", "AUX", "be"),
    ]
    for text, sentences in zip(texts, found):
        for word in (word for sentence in sentences for word in sentence):
            assert text[word.start : word.end] == word.form


def test_options_and_what_looks_like_another_format():
    (sentences,) = gm.tag(["%PDF is a format."], tagset="universal", lemmas=False)
    assert [(word.tag, word.lemma) for word in sentences[0][-2:]] == [("NOUN", None), ("PUNCT", None)]


def test_another_language(tmp_path):
    row = "%s\t%s\t%s\t%s\t_\t_\t_\t_\t_\t%s\n"
    words = [
        ("1", "Chat", "chat", "NOUN", "_"),
        ("2-3", "du", "_", "_", "_"),
        ("2", "de", "de", "ADP", "_"),
        ("3", "le", "le", "DET", "_"),
        ("4", "café", "café", "NOUN", "SpaceAfter=No"),
        ("5", ".", ".", "PUNCT", "_"),
    ]
    treebank = tmp_path / "fr.conllu"
    treebank.write_text(("".join(row % word for word in words) + "\n") * 5, encoding="utf-8")
    model = tmp_path / "fr.model"
    command = [binary.find(), "tagger", "train", "--train", str(treebank), "-o", str(model)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    (sentences,) = gm.tag(["Chat du café."], model=model)
    assert [(word.form, word.start, word.end) for word in sentences[0]] == [
        ("Chat", 0, 4),
        ("de", 5, 7),
        ("le", 5, 7),
        ("café", 8, 12),
        (".", 12, 13),
    ]


def test_wrong_use(tmp_path):
    with pytest.raises(TypeError, match="list of texts"):
        gm.tag("one text")
    assert gm.tag([]) == []
    model = tmp_path / "no.model"
    model.write_text("no model")
    with pytest.raises(ValueError, match="not a Gristmill tagger model"):
        gm.tag(["text"], model=model)
