"""A BERT encoder with a shape embedding at its input and one layer of tags at its end."""

import torch
from torch import nn
from torch.nn import functional


class Layer(nn.Module):
    def __init__(self, width, inner, heads, dropout):
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-12), nn.LayerNorm(width, 1e-12)
        self.wide, self.narrow = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask):
        split = lambda y: y.view(*y.shape[:2], self.heads, -1).transpose(1, 2)
        rate = self.rate if self.training else 0.0
        heard = functional.scaled_dot_product_attention(
            split(self.query(x)), split(self.key(x)), split(self.value(x)), mask, rate)
        heard = heard.transpose(1, 2).reshape(x.shape)
        x = self.norm1(x + self.dropout(self.out(heard)))
        return self.norm2(x + self.dropout(self.narrow(functional.gelu(self.wide(x)))))


class Teacher(nn.Module):
    """Scores of each word's tags and universal tags, from its first and last piece beside each other."""

    def __init__(self, config, shapes, tags, universal):
        super().__init__()
        width, rate = config["hidden_size"], config["hidden_dropout_prob"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.places = nn.Embedding(config["max_position_embeddings"], width)
        self.types = nn.Embedding(config["type_vocab_size"], width)
        self.shapes = nn.Embedding(shapes, width)
        self.norm = nn.LayerNorm(width, config["layer_norm_eps"])
        self.dropout = nn.Dropout(rate)
        self.layers = nn.ModuleList(
            Layer(width, config["intermediate_size"], config["num_attention_heads"], rate)
            for _ in range(config["num_hidden_layers"]))
        self.tags = nn.Linear(2 * width, tags)
        self.universal = nn.Linear(2 * width, universal)
        nn.init.normal_(self.shapes.weight, std=0.02)
        self.words.weight.requires_grad = False

    def load_encoder(self, weights):
        """Takes the tensors of a Hugging Face BERT file, by name."""
        put = lambda module, name: module.load_state_dict(
            {part: weights[f"{name}.{part}"] for part in ("weight", "bias")})
        for module, name in ((self.words, "word"), (self.places, "position"), (self.types, "token_type")):
            module.weight.data.copy_(weights[f"embeddings.{name}_embeddings.weight"])
        put(self.norm, "embeddings.LayerNorm")
        for number, layer in enumerate(self.layers):
            at = f"encoder.layer.{number}"
            for name in ("query", "key", "value"):
                put(getattr(layer, name), f"{at}.attention.self.{name}")
            put(layer.out, f"{at}.attention.output.dense")
            put(layer.norm1, f"{at}.attention.output.LayerNorm")
            put(layer.wide, f"{at}.intermediate.dense")
            put(layer.narrow, f"{at}.output.dense")
            put(layer.norm2, f"{at}.output.LayerNorm")

    def forward(self, pieces, shapes, length, first, last):
        """`pieces`, `shapes`: sentences × pieces; `first`, `last`: places of words in the flattened batch."""
        place = torch.arange(pieces.shape[1])
        x = self.words(pieces) + self.places(place) + self.types.weight[0] + self.shapes(shapes)
        x = self.dropout(self.norm(x))
        mask = (place[None, :] < length[:, None])[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        x = x.flatten(0, 1)
        x = self.dropout(torch.cat([x[first], x[last]], 1))
        return self.tags(x), self.universal(x)
