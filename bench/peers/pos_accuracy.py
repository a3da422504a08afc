"""How many tags of other taggers are right, with the words of a hand-tagged file.

usage: pos_accuracy.py spacy[:PACKAGE] GOLD.conllu      PACKAGE: en_core_web_sm unless given
       pos_accuracy.py perceptron:TRAIN.conllu GOLD.conllu      NLTK's, trained on TRAIN first, 5 rounds
       pos_accuracy.py aptagger:WHEEL GOLD.conllu      the weights that textblob-aptagger's wheel holds
       pos_accuracy.py file:FOUND.conllu GOLD.conllu      what `gristmill run pos --tokenized --format conllu` wrote

Prints XPOS, XPOS without what is style (`to`; marks, symbols), and UPOS where the tagger has it.
"""

import importlib
import io
import pickle
import random
import sys
import zipfile


def read(path):
    """Sentences of (form, XPOS, UPOS)."""
    found, sentence = [], []
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 10 and fields[0].isdigit():
                sentence.append((fields[1], fields[4], fields[3]))
            elif not line.strip() and sentence:
                found.append(sentence)
                sentence = []
    return found + [sentence] if sentence else found


def spacy(package):
    """Its default model; what it would split is not split."""
    from spacy.tokens import Doc

    model = importlib.import_module(package or "en_core_web_sm").load()

    def tag(words):
        doc = Doc(model.vocab, words=words)
        for _, part in model.pipeline:
            doc = part(doc)
        return [(token.tag_, token.pos_) for token in doc]

    return tag


def perceptron(train):
    """NLTK's averaged perceptron, trained on a treebank."""
    from nltk.tag.perceptron import PerceptronTagger

    random.seed(1)
    tagger = PerceptronTagger(load=False)
    tagger.train([[word[:2] for word in sentence] for sentence in read(train)], nr_iter=5)
    return lambda words: [(tag, None) for _, tag in tagger.tag(words)]


def file(path):
    """Tags that stand in a file with the same sentences."""
    found = iter(read(path))

    def tag(words):
        sentence = next(found)
        if [word[0] for word in sentence] != words:
            sys.exit(f"{path} has other words: {sentence[0][0]} ... for {words[0]} ...")
        return [word[1:] for word in sentence]

    return tag


class Plain(pickle.Unpickler):
    """Reads containers, text and numbers, and runs nothing that a file asks for."""

    def find_class(self, module, name):
        if (module, name) == ("__builtin__", "set"):
            return set
        raise pickle.UnpicklingError(f"{module}.{name}")


def aptagger(wheel):
    """NLTK's tagger with the weights of the package from which it came."""
    from nltk.tag.perceptron import PerceptronTagger

    stored = zipfile.ZipFile(wheel).read("textblob_aptagger/trontagger-0.1.0.pickle")
    tagger = PerceptronTagger(load=False)
    loaded = Plain(io.BytesIO(stored), encoding="latin1").load()
    tagger.model.weights, tagger.tagdict, tagger.classes = loaded
    tagger.model.classes = tagger.classes
    return lambda words: [(tag, None) for _, tag in tagger.tag(words)]


def is_style(form, xpos, upos, found):
    """Whether the tags differ only by how the corpora write them."""
    if form.lower() == "to":
        return {xpos, found} <= {"IN", "TO"}
    return upos in ("PUNCT", "SYM") and not form.isalnum()


TAGGERS = {"spacy": spacy, "perceptron": perceptron, "aptagger": aptagger, "file": file}


def main(tagger, gold):
    kind, _, what = tagger.partition(":")
    tag = TAGGERS[kind](what)
    words = xpos = mapped = upos = 0
    universal = True
    for sentence in read(gold):
        for (form, gold_xpos, gold_upos), (found, found_upos) in zip(sentence, tag([word[0] for word in sentence])):
            words += 1
            xpos += found == gold_xpos
            mapped += found == gold_xpos or is_style(form, gold_xpos, gold_upos, found)
            upos += found_upos == gold_upos
            universal = universal and found_upos is not None
    parts = [("XPOS", xpos), ("without style", mapped)] + [("UPOS", upos)] * universal
    print(f"{words} words", *(f"{name} {100 * right / words:.2f} %" for name, right in parts))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1].partition(":")[0] not in TAGGERS:
        sys.exit(__doc__)
    main(*sys.argv[1:])
