"""Trains the teacher and tags text with it; what an earlier run finished is not done again.

    python3 teach.py --train en_ewt-ud-train.conllu.gz --dev en_ewt-ud-dev.conllu.gz \
        --text masc_silver.tok.gz --text more.tok.gz --work DIR [--seeds 3]

TEXT has one sentence a line, tokens between spaces. The result is DIR/silver.tok.gz and DIR/silver.tag.gz, which
`gristmill tagger train --silver-tokens … --silver-tags …` reads: a tag, or the three best with their per cent.
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
    for rows in zip(*given):
        mean = sum(rows) / len(rows)
        yield " ".join(soft(row, readers[0].tags) for row in mean)


def write(path, lines):
    """Whole or not at all, the same bytes for the same lines."""
    part = path.with_suffix(".part")
    with open(part, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as out:
        for line in lines:
            out.write(line.encode() + b"\n")
    part.rename(path)


def shards(paths):
    """(name, lines) of each shard; a name says the text, so that changed text is tagged anew."""
    for path in paths:
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
    parser.add_argument("--seeds", type=int, default=3, help="teachers whose probabilities are averaged")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = options.work / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    teachers = [options.work / f"teacher-{seed}.safetensors" for seed in range(1, options.seeds + 1)]
    for seed, path in enumerate(teachers, 1):
        if not path.exists():
            training.train(options.train, options.dev, seed, path)
    readers = [training.Reader.load(path) for path in teachers]
    tokens, tags = [], []
    for name, lines in shards(options.text):
        path = folder / f"{name}-{options.seeds}.gz"
        if not path.exists():
            write(path, tag_shard(readers, [line.split(" ") for line in lines]))
            print(f"{path.name}: {sum(line.count(' ') + 1 for line in lines)} tokens", flush=True)
        tokens += lines
        with open_text(path) as file:
            tags += file.read().splitlines()
    write(options.work / "silver.tok.gz", tokens)
    write(options.work / "silver.tag.gz", tags)
    for name in ("silver.tok.gz", "silver.tag.gz"):
        print(name, hashlib.sha256((options.work / name).read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
