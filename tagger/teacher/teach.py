"""Trains the teacher and tags text with it; what an earlier run finished is not done again.

    python3 teach.py --train en_ewt-ud-train.conllu.gz --dev en_ewt-ud-dev.conllu.gz \
        --text masc_silver.tok.gz --text more.tok.gz --work DIR [--seeds 1 2 3]

TEXT has one sentence a line, tokens between spaces. For more.tok.gz the result is DIR/more.tag.gz, which `gristmill
tagger train --silver-tokens … --silver-tags …` reads: a tag, or the three best with their per cent.
"""

import argparse
import gzip
import hashlib
from pathlib import Path

import torch

import training
from batches import open_text

SHARD = 2000  # sentences that are tagged and written together
CERTAIN = 98  # per cent from which on a tag stands alone


def soft(row, tags):
    """`NN`, or `NN|81|JJ|17|VBG|2`."""
    best = row.topk(3)
    shares = [round(100 * p) for p in best.values.tolist()]
    names = [tags[at] for at in best.indices.tolist()]
    if shares[0] >= CERTAIN:
        return names[0]
    return "|".join(f"{name}|{share}" for name, share in zip(names, shares) if share > 0)


def tag_shard(readers, sentences):
    given = [reader.probabilities(sentences) for reader in readers]
    for sentence in zip(*given):
        mean = sum(rows for rows, _ in sentence) / len(sentence)
        yield " ".join(soft(row, readers[0].tags) for row in mean)


def write(path, lines):
    """Whole or not at all, the same bytes for the same lines."""
    part = path.with_suffix(".part")
    with open(part, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as out:
        for line in lines:
            out.write(line.encode() + b"\n")
    part.rename(path)


def shards(path):
    """(name, lines) of each shard; a name says the text, so that changed text is tagged anew."""
    with open_text(path) as file:
        lines = [line.rstrip("\n") for line in file]
    for start in range(0, len(lines), SHARD):
        own = lines[start:start + SHARD]
        yield hashlib.sha256("\n".join(own).encode()).hexdigest()[:16], own


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True, help="hand-tagged CoNLL-U to learn from")
    parser.add_argument("--dev", required=True, help="CoNLL-U to measure on; nothing is chosen by it")
    parser.add_argument("--text", action="append", required=True, help="tokenised text to tag; may be repeated")
    parser.add_argument("--work", required=True, type=Path, help="folder for teachers, shards and the result")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="teachers whose probabilities are averaged")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = options.work / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    teachers = [options.work / f"teacher-{seed}.safetensors" for seed in options.seeds]
    for seed, path in zip(options.seeds, teachers):
        if not path.exists():
            training.train(options.train, options.dev, seed, path)
    readers = [training.Reader.load(path) for path in teachers]
    for text in options.text:
        tags = []
        for name, lines in shards(text):
            path = folder / f"{name}-{'-'.join(map(str, options.seeds))}.gz"
            if not path.exists():
                write(path, tag_shard(readers, [line.split(" ") for line in lines]))
                print(f"{path.name}: {sum(line.count(' ') + 1 for line in lines)} tokens", flush=True)
            with open_text(path) as file:
                tags += file.read().splitlines()
        path = options.work / f"{Path(text).name.split('.')[0]}.tag.gz"
        write(path, tags)
        print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
