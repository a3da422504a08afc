"""Words to word pieces (BERT's uncased vocabulary) and to shapes, which give the case back."""

import unicodedata

LONGEST = 100  # letters of a word that are looked at


def load_vocabulary(path):
    with open(path, encoding="utf-8") as file:
        return {line.rstrip("\n"): number for number, line in enumerate(file)}


def _basic(word):
    """Lower case, no accents, punctuation marks as words of their own."""
    out = [""]
    for char in unicodedata.normalize("NFD", word[:LONGEST].lower()):
        category = unicodedata.category(char)
        if category == "Mn" or category.startswith("C"):
            continue
        if not char.isalnum():
            out += [char, ""]
        else:
            out[-1] += char
    return [part for part in out if part]


class Pieces:
    """Greedy longest-match word pieces with a memory, since words repeat."""

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary
        self.unknown = vocabulary["[UNK]"]
        self.memory = {}

    def of(self, word):
        found = self.memory.get(word)
        if found is None:
            found = [number for part in _basic(word) for number in self._split(part)]
            found = self.memory[word] = (found or [self.unknown])[:12]
        return found

    def _split(self, part):
        out, start = [], 0
        while start < len(part):
            mark = "##" if start else ""
            for end in range(len(part), start, -1):
                number = self.vocabulary.get(mark + part[start:end])
                if number is not None:
                    break
            else:
                return [self.unknown]
            out.append(number)
            start = end
        return out


def shape(word):
    """`Xx` for London, `X.X.` for U.S., `d-x` for 5-year: repeated classes are written once."""
    out = ""
    for char in word[:LONGEST]:
        kind = "X" if char.isupper() else "x" if char.isalpha() else "d" if char.isdigit() else char
        if not out.endswith(kind):
            out += kind
    return out[:8]
