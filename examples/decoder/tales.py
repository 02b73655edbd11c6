"""The text: short tales that a grammar tells, synthetic and the same for a seed on every machine.

`python examples/decoder/tales.py` prints some. What was lost, who lost it and where it lay are named early in a tale
and again later, so that a network has something to look back for. Choices are uneven, as words in a language are.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

WHO = ("fox", "miller", "hen", "old sailor", "baker", "mouse", "king", "weaver")
NAMES = ("Mira", "Tom", "Edda", "Oskar", "Lin", "Bruno", "Wanda", "Pip")
THINGS = ("lamp", "key", "boat", "drum", "coat", "bell", "map", "ring")
KINDS = ("red", "small", "golden", "broken", "heavy", "blue")
PLACES = ("mill", "river", "barn", "bridge", "garden", "tower", "harbour")
TIMES = ("One morning", "In the evening", "On a cold day", "After the rain")
HELPERS = ("an owl", "a beggar", "the moon", "a frog", "a child")
MORALS = (
    "Who asks finds more than who runs.",
    "What is lost waits for those who look.",
    "A friend sees what an eye does not.",
)


def _pick(source: random.Random, words: Sequence[str]) -> str:
    """The k-th of them with a probability that falls as 1 / k**2."""
    return source.choices(words, [1 / (k + 1) ** 2 for k in range(len(words))])[0]


def tale(source: random.Random) -> str:
    """One tale, a paragraph with its line end."""
    name, who = _pick(source, NAMES), _pick(source, WHO)
    thing = f"{_pick(source, KINDS)} {_pick(source, THINGS)}"
    home = _pick(source, PLACES)
    place = _pick(source, [other for other in PLACES if other != home])
    helper = _pick(source, HELPERS)
    lines = [
        f"{name} the {who} lived by the {home} and had a {thing}.",
        f"{_pick(source, TIMES)} the {thing} was gone.",
        f"{name} looked by the {home} and saw nothing.",
        f"Then {helper} came and said: {name}, the {thing} is at the {place}.",
        f"So {name} went to the {place} and found the {thing}.",
        _pick(source, MORALS),
    ]
    if source.random() < 0.3:
        lines.insert(3, f"{name} wept for the {thing}.")
    return " ".join(lines) + "\n"


def tales(seed: int, characters: int) -> str:
    """So many characters of tales."""
    source, parts, length = random.Random(seed), [], 0
    while length < characters:
        parts.append(tale(source))
        length += len(parts[-1])
    return "".join(parts)[:characters]


if __name__ == "__main__":
    sys.stdout.write(tales(int(sys.argv[1]) if len(sys.argv) > 1 else 0, 2000))
