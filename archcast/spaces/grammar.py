"""Spaces of what a context-free grammar derives: networks made of parts, which are made of parts.

A grammar is a text of rules, one a line; quoted symbols are terminals, ``|`` separates the productions of a nonterminal, and the
first rule starts:

    NET   -> "chain" BLOCK BLOCK | "branch" BLOCK BLOCK BLOCK
    BLOCK -> "conv" KERNEL | "pool"
    KERNEL -> "3x3" | "5x5"

A row holds one integer for each node of the largest derivation where there is a choice: the number of its production. The
k-th BLOCK of a NET is one column, whatever the production of the NET; where a derivation has no such node its column
is inactive, hence 0. A grammar that comes back to a nonterminal derives without end, so it needs ``depth``, the number of
nonterminals on the longest way down; a node so deep that a production does not fit does not have it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archcast.checks import generator, label_of, whole
from archcast.errors import InvalidInputError, short
from archcast.spaces.base import ENUMERATION_LIMIT
from archcast.spaces.conditional import Condition, ConditionalSpace

__all__ = ["Derivation", "GrammarSpace", "Node"]

MOST_NODES = 4_000
"""Most nodes of the largest derivation."""

Rows = NDArray[np.int64]
Production = tuple[str, ...]
"""Symbols; a terminal keeps its quotes."""


@dataclass(frozen=True)
class Derivation:
    """What a nonterminal became.

    Attributes:
        symbol: the nonterminal.
        parts: of its production: a text for a terminal, a derivation for a nonterminal.

    Examples:
        >>> found = GrammarSpace('A -> "x" B | "y"\\nB -> "1" | "2"').derivations([[0, 1]])[0]
        >>> found.parts[0], found.parts[1].parts
        ('x', ('2',))
    """

    symbol: str
    parts: tuple[str | Derivation, ...]

    @property
    def children(self) -> list[Derivation]:
        """The parts that are derivations."""
        return [part for part in self.parts if isinstance(part, Derivation)]

    def __str__(self) -> str:
        return f"({self.symbol} {' '.join(map(str, self.parts))})"


@dataclass
class Node:
    """A place in the largest derivation.

    Attributes:
        symbol: its nonterminal.
        productions: that fit there; a terminal keeps its quotes.
        column: number of its decision, ``None`` without a choice.
        levels: most nonterminals on a way down from it.
        children: by nonterminal and number.
    """

    symbol: str
    productions: list[Production]
    column: int | None
    levels: float
    children: dict[tuple[str, int], Node]

    def columns(self) -> list[int]:
        """Its column and those below it, in the order of the grammar."""
        own = [] if self.column is None else [self.column]
        return own + [column for child in self.children.values() for column in child.columns()]

    def walk(self) -> Iterator[Node]:
        """Itself and all nodes below."""
        yield self
        for child in self.children.values():
            yield from child.walk()

    def slots(self, production: int) -> list[tuple[str, int]]:
        """The symbols of a production, each with how often it came before: the keys of ``children``."""
        return _slots(self.productions[production])


class GrammarSpace(ConditionalSpace):
    """The derivations of a context-free grammar; see the module docstring.

    The notation is the derivation in brackets, ``(NET chain (BLOCK conv (KERNEL 3x3)) (BLOCK pool))``. A production that is written
    twice in a rule is one, drawn twice as often. A subclass may set ``grammar``, ``depth`` and ``name`` as class attributes.

    Args:
        grammar: rules.
        depth: most nonterminals on a way down; ``None`` for a grammar that ends by itself.
        name: of the space.

    Examples:
        >>> space = GrammarSpace('NET -> "chain" BLOCK BLOCK | BLOCK\\nBLOCK -> "conv" | "pool"')
        >>> space.columns, space.size
        (('NET', 'NET.BLOCK1', 'NET.BLOCK2'), 6)
        >>> space.format([[0, 1, 0], [1, 1, 0]])
        ['(NET chain (BLOCK pool) (BLOCK conv))', '(NET (BLOCK pool))']
        >>> GrammarSpace('SUM -> TERM "+" SUM | TERM\\nTERM -> "x" | "y"', depth=4).size         # up to three terms
        14

    Attributes:
        root: the start in the largest derivation.

    Raises:
        InvalidInputError: a rule cannot be read, a nonterminal has no rule, or the derivations have no end.
    """

    grammar: str = ""
    depth: int | None = None
    name = "grammar"

    def __init__(self, grammar: str | None = None, *, depth: int | None = None, name: str | None = None) -> None:
        if grammar is not None and not isinstance(grammar, str):
            raise InvalidInputError(f"grammar must be a text of rules, got {short(grammar)}.")
        self.grammar = type(self).grammar if grammar is None else str.__str__(grammar)
        self.depth = type(self).depth if depth is None else whole("depth", depth, 1)
        self.name = type(self).name if name is None else label_of("name", name)
        self._rules, self._weights = _rules(self.grammar)
        self._start = next(iter(self._rules))
        self._shallowest = _shallowest(self._rules)
        if self._shallowest[self._start] > (self.depth or math.inf):
            raise InvalidInputError(
                f"depth is {self.depth}: the shortest derivation has {self._shallowest[self._start]} nonterminals on its way down."
            )
        self._names: list[str] = []
        self._sizes: list[int] = []
        self._found: list[Condition] = []
        self._chance: list[tuple[float, ...]] = []
        self._made = 0
        self.root = self._node(self._start, self._start, self.depth or math.inf, None, ())
        if not self._names:
            raise InvalidInputError("grammar must leave a choice: every rule has one production.")
        self.columns, self.cardinalities = tuple(self._names), tuple(self._sizes)
        self.conditions, self.chances = tuple(self._found), tuple(self._chance)

    def __getstate__(self) -> dict[str, Any]:
        return {"grammar": self.grammar, "depth": self.depth, "name": self.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    # -- the largest derivation ---------------------------------------------------------------------------------------

    def _node(self, symbol: str, path: str, levels: float, parent: int | None, values: tuple[int, ...]) -> Node:
        """The node and all below it; ``parent`` is the column that activates it, by ``values``."""
        self._made += 1
        if self._made > MOST_NODES or len(path) > 2_000:
            hint = "lower depth" if self.depth else "it comes back to a nonterminal, so say depth=..."
            raise InvalidInputError(f"grammar derives more than {MOST_NODES:,} nodes: {hint}.")
        fits = [
            production
            for production in self._rules[symbol]
            if 1 + max((self._shallowest[s] for s in production if s in self._rules), default=0) <= levels
        ]
        column = None
        if len(fits) > 1:
            column = len(self._names)
            self._names.append(path)
            self._sizes.append(len(fits))
            weights = [self._weights[symbol, production] for production in fits]
            self._chance.append(tuple(weight / sum(weights) for weight in weights))
            if parent is not None:
                self._found.append(Condition(path, self._names[parent], values))
            parent, values = column, tuple(range(len(fits)))
        node = Node(symbol, fits, column, levels, {})
        counts = [Counter(s for s in production if s in self._rules) for production in fits]
        most: Counter[str] = Counter()
        for count in counts:
            most |= count
        for child in dict.fromkeys(s for production in fits for s in production if s in self._rules):
            for k in range(most[child]):
                using = tuple(i for i, count in enumerate(counts) if count[child] > k) if column is not None else values
                node.children[child, k] = self._node(child, f"{path}.{child}{k + 1}", levels - 1, parent, using)
        return node

    @property
    def size(self) -> int:
        """Number of derivations that the rules of the space allow."""
        return self._size(self.root)

    def _size(self, node: Node) -> int:
        sizes = {key: self._size(child) for key, child in node.children.items()}
        return sum(
            math.prod(sizes[key] for key in _slots(production) if key in sizes) for production in node.productions
        )

    # -- rows and derivations -----------------------------------------------------------------------------------------

    def derivations(self, archs: ArrayLike) -> list[Derivation]:
        """The derivation of each row."""
        return [self._derive(self.root, row) for row in self.validate(archs).tolist()]

    def _derive(self, node: Node, row: list[int]) -> Derivation:
        production = node.productions[0 if node.column is None else row[node.column]]
        return Derivation(
            node.symbol,
            tuple(
                self._derive(node.children[slot], row) if slot in node.children else symbol.strip('"')
                for symbol, slot in zip(production, _slots(production), strict=True)
            ),
        )

    def format(self, archs: ArrayLike) -> list[str]:
        return [str(derivation) for derivation in self.derivations(archs)]

    def _parse(self, text: str) -> list[int]:
        tokens = re.findall(r"[()]|[^\s()]+", text)
        row = [0] * len(self.columns)
        end = self._read(self.root, tokens, 0, row)
        if end != len(tokens):
            raise InvalidInputError(f"expected nothing after the derivation, got {short(' '.join(tokens[end:]), 40)}")
        return row

    def _read(self, node: Node, tokens: list[str], start: int, row: list[int]) -> int:
        """Read a node at a place of the text into the row; the place after it."""
        if tokens[start : start + 2] != ["(", node.symbol]:
            raise InvalidInputError(f"expected '({node.symbol}' at {short(' '.join(tokens[start : start + 4]), 40)}")
        heads, place, level = [], start + 2, 0
        while place < len(tokens) and level >= 0:  # the symbols of its production
            token = tokens[place]
            if level == 0 and token != ")":
                heads.append(tokens[place + 1] if token == "(" and place + 1 < len(tokens) else f'"{token}"')
            level += (token == "(") - (token == ")")
            place += 1
        production = tuple(heads)
        if level >= 0 or production not in node.productions:
            wanted = " | ".join(" ".join(p) for p in node.productions)
            raise InvalidInputError(f"{node.symbol} is {short(' '.join(heads), 60)}, not one of {wanted}")
        if node.column is not None:
            row[node.column] = node.productions.index(production)
        place = start + 2
        for slot in _slots(production):
            place = self._read(node.children[slot], tokens, place, row) if slot in node.children else place + 1
        return place + 1

    def enumerate(self) -> Rows:
        if self.size > ENUMERATION_LIMIT:
            raise InvalidInputError(f"Space {self.name!r} is too large to enumerate. Use space.sample(n, rng).")
        return super().enumerate()

    # -- moves --------------------------------------------------------------------------------------------------------

    def crossover(self, a: ArrayLike, b: ArrayLike, rng: np.random.Generator | int | None = None) -> Rows:
        """Rows of ``a``, each with one part replaced by a part of the row of ``b`` that was derived from the same nonterminal.

        Args:
            a, b: ``(n, d)`` rows.
            rng: generator or seed.

        Returns:
            ``(n, d)`` rows; where no two parts fit, or the rules of the space forbid what comes out, the row of ``a``.
        """
        rng = generator("rng", rng)
        out, others = self.validate(a), self.validate(b)
        if out.shape != others.shape:
            raise InvalidInputError(f"a and b must have equally many rows, got {len(out)} and {len(others)}.")
        for i, (row, other) in enumerate(zip(out.copy(), others, strict=True)):
            mine, theirs = self._parts(self.root, row), self._parts(self.root, other)
            pairs = [(x, y) for x in mine for y in theirs if (x.symbol, x.levels) == (y.symbol, y.levels)]
            if not pairs:
                continue
            here, there = pairs[int(rng.integers(len(pairs)))]
            row[here.columns()] = other[there.columns()]
            if self.is_allowed(row[None])[0]:
                out[i] = row
        return out

    def _parts(self, node: Node, row: Rows) -> list[Node]:
        """The nodes of a derivation below its root that leave a choice at or below them."""
        production = node.productions[0 if node.column is None else row[node.column]]
        found = []
        for slot in _slots(production):
            child = node.children.get(slot)
            if child is not None and child.columns():
                found += [child, *self._parts(child, row)]
        return found


def _slots(production: Production) -> list[tuple[str, int]]:
    """For each symbol its name and how often it came before."""
    seen: Counter[str] = Counter()
    out = []
    for symbol in production:
        out.append((symbol, seen[symbol]))
        seen[symbol] += 1
    return out


def _rules(grammar: Any) -> tuple[dict[str, list[Production]], Counter[tuple[str, Production]]]:
    """Productions of each nonterminal, and how often each is written."""
    if not isinstance(grammar, str) or not grammar.strip():
        raise InvalidInputError(f"grammar must be a text of rules, got {short(grammar)}.")
    rules: dict[str, list[Production]] = {}
    weights: Counter[tuple[str, Production]] = Counter()
    for line in filter(None, map(str.strip, grammar.splitlines())):
        match = re.fullmatch(r"(\w+)\s*->\s*(.+)", line)
        if match is None:
            raise InvalidInputError(f'grammar: expected NAME -> "terminal" NAME | ..., got {short(line)}.')
        for text in match[2].split("|"):
            symbols = tuple(re.findall(r'"[^"\s()|]+"|\w+', text))
            if not symbols or re.sub(r'"[^"\s()|]+"|\w+|\s', "", text):
                raise InvalidInputError(f"grammar: {short(text.strip())} of {match[1]} is no production.")
            if symbols not in rules.setdefault(match[1], []):
                rules[match[1]].append(symbols)
            weights[match[1], symbols] += 1
    for name, productions in rules.items():
        for symbol in (s for production in productions for s in production):
            if not symbol.startswith('"') and symbol not in rules:
                raise InvalidInputError(f'grammar: {symbol} in the rule of {name} has no rule. Quote it: "{symbol}".')
    return rules, weights


def _shallowest(rules: dict[str, list[Production]]) -> dict[str, float]:
    """Least number of nonterminals on a way down, for each nonterminal."""
    least = dict.fromkeys(rules, math.inf)
    for _ in rules:
        for name, productions in rules.items():
            depths = [1 + max((least[s] for s in p if s in rules), default=0) for p in productions]
            least[name] = min(depths)
    endless = [name for name, depth in least.items() if math.isinf(depth)]
    if endless:
        raise InvalidInputError(
            f"grammar: {endless[0]} derives without end, no production of it leads to terminals alone."
        )
    return least
