"""What may be said of a photograph: phrases of the name of its folder, and who is kept back to ask later.

Place in the flow: `words` teaches these phrases, beside texts that mean nothing; `naming` asks them of photographs that
were kept back. It reads no picture.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from numpy.random import Generator

from training.fit.drawings import invent_word

ALSO_CALLED: Final = {
    "hat": ("cap", "beanie"),
    "longsleeve": ("long sleeve", "sweater"),
    "outwear": ("outerwear", "jacket", "coat"),
    "pants": ("trousers", "jeans"),
    "shirt": ("blouse",),
    "shoes": ("shoe", "sneakers", "boots"),
    "t-shirt": ("t shirt", "tee"),
}
"""Other words of a shop for the ten kinds of garments: they are taught, but no label says how well they are told."""


def phrases_of(folder: str) -> tuple[str, ...]:
    """Every run of words in a folder's name, the whole name first: "Oatly-Oat-Milk" is an oatly, an oat milk, a milk.

    The kinds of garments are one word each, with what else they are called.
    """
    if folder == folder.lower():
        return (folder, *ALSO_CALLED.get(folder, ()))
    words = folder.split("-")
    runs = [(start, end) for start in range(len(words)) for end in range(start + 1, len(words) + 1)]
    ordered = sorted(runs, key=lambda run: (run[0] - run[1], run[0]))
    return tuple(dict.fromkeys(" ".join(words[start:end]) for start, end in ordered))


def is_kept_back(path: Path | str) -> bool:
    """Whether words are asked, never taught, on this photograph: every fifth, by the hash of its name."""
    return int(hashlib.sha256(Path(path).name.encode()).hexdigest(), 16) % 5 == 0


def nonsense(random: Generator, count: int) -> list[str]:
    """Texts that no photograph is meant by: invented names, and codes such as "kru-4071"."""
    made = []
    for number in range(count):
        word = invent_word(random)
        digits = str(int(random.integers(0, 10 ** int(random.integers(1, 7)))))
        made.append((word, f"{word[:3]}-{digits}", digits, f"{word} {invent_word(random)}")[number % 4])
    return made
