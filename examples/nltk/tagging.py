"""Tags sentences with an NLTK tagger, which each process loads once."""

import json

from nltk.tag.perceptron import PerceptronTagger


def load(path):
    with open(path, encoding="utf-8") as file:
        weights, tagdict, classes = json.load(file)
    tagger = PerceptronTagger(load=False)
    tagger.model.weights, tagger.tagdict = weights, tagdict
    tagger.classes = tagger.model.classes = set(classes)
    return tagger


def setup():
    global tagger
    tagger = load("tagger.json")  # --ship has put it here


def tag(sentence):
    return {"tagged": tagger.tag(sentence.split())}
