"""Trains a tagger: train.py TREEBANK.conllu[.gz] TAGGER.json SENTENCES.txt

Four fifths of the treebank are for training; the words of the rest go to SENTENCES.txt, a sentence a line.
"""

import gzip
import json
import random
import sys

from nltk.tag.perceptron import PerceptronTagger


def sentences(path):
    opened = gzip.open if path.endswith(".gz") else open
    sentence = []
    with opened(path, "rt", encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 10 and fields[0].isdigit() and " " not in fields[1]:
                sentence.append((fields[1], fields[4]))
            elif not line.strip() and sentence:
                yield sentence
                sentence = []
    if sentence:
        yield sentence


def main(treebank, model, rest):
    known = list(sentences(treebank))
    random.seed(1)
    random.shuffle(known)
    cut = len(known) * 4 // 5
    with open(rest, "w", encoding="utf-8") as file:
        for sentence in known[cut:]:
            file.write(" ".join(word for word, _ in sentence) + "\n")
    tagger = PerceptronTagger(load=False)
    tagger.train(known[:cut], nr_iter=3)
    with open(model, "w", encoding="utf-8") as file:
        json.dump([tagger.model.weights, tagger.tagdict, sorted(tagger.classes)], file)


if __name__ == "__main__":
    main(*sys.argv[1:])
