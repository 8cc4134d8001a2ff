"""A CLIP ViT-B/32 with random weights as a directory that `transformers` reads, for a peer that knows only those.

Place in the flow: `peer_server` runs it with the peer's own interpreter, which has `transformers`. The tokenizer is
CLIP's, from the vocabulary that open_clip carries: a server tries a text when it starts.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from pathlib import Path

from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

_WORDS = 49_152 - 256 - 2
"""Merges that CLIP's vocabulary of 49,408 has."""


def main() -> None:
    """`python -m benchmarks.speed.random_clip FOLDER`."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = _tokens()
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    CLIPProcessor(CLIPImageProcessor(), tokenizer).save_pretrained(folder)
    CLIPModel(CLIPConfig()).eval().save_pretrained(folder)


def _tokens() -> tuple[dict[str, int], list[str]]:
    spec = importlib.util.find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise RuntimeError("open_clip is not installed beside this interpreter")
    packed = Path(spec.origin).with_name("bpe_simple_vocab_16e6.txt.gz")
    merges = gzip.decompress(packed.read_bytes()).decode().split("\n")[1 : _WORDS + 1]
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(letter + "</w>" for letter in letters), *("".join(merge.split()) for merge in merges)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    return {word: number for number, word in enumerate(words)}, merges


if __name__ == "__main__":
    main()
