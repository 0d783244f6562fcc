"""Products: what an operand is to the output, by the name of the function or the equation of ``einsum``."""

from __future__ import annotations

from typing import Any

from torch import Tensor

__all__ = ["role_of"]


def role_of(
    name: str, args: tuple[Any, ...], operands: list[Tensor], position: int, output: Tensor, macs: int
) -> tuple[int, int | None]:
    """Of an operand of a product: how many of its entries one output sums over, and the axis of the output that holds
    its features.
    """
    weight = operands[position]
    if name == "einsum" and isinstance(args[0], str):
        return _einsum_role(args[0], operands, position, output)
    if weight.ndim < 2:
        outer = name in ("outer", "ger", "addr", "kron")
        return (1 if outer else max(weight.numel(), 1)), (output.ndim - 1 if outer and position else None)
    if len(operands) > 2:
        return int(weight.shape[0] if position else weight.shape[1]), output.ndim - 1
    left = position == 0 and output.ndim > 1 and name != "tensordot" and not name.startswith("inner")
    return max(macs // max(output.numel(), 1), 1), output.ndim - (2 if left else 1)


def _einsum_role(equation: str, operands: list[Tensor], position: int, output: Tensor) -> tuple[int, int | None]:
    """The same for ``einsum``, from its equation. An ellipsis stands for as many axes as are left."""
    left, _, right = equation.replace(" ", "").partition("->")
    terms = [_spelled(term, operand.ndim) for term, operand in zip(left.split(","), operands)]
    free = sorted({label for term in terms for label in term if sum(t.count(label) for t in terms) == 1 or label < "A"})
    result = _spelled(right, output.ndim) if "->" in equation else "".join(free)
    term = terms[position]
    earlier = set("".join(terms[:position])) or set("".join(terms[position + 1 :]))
    fan_in = 1
    for label, size in zip(term, operands[position].shape):
        if label in earlier and label not in result:
            fan_in *= int(size)
    others = set("".join(terms[:position] + terms[position + 1 :]))
    own = [axis for axis, label in enumerate(result) if label in term and label not in others]
    if not own and len(operands) > 2:
        own = [output.ndim - 1]
    return fan_in, own[-1] if own else None


def _spelled(term: str, ndim: int) -> str:
    """``term`` with digits for the axes of its ellipsis, counted from the right."""
    if "..." not in term:
        return term
    missing = ndim - len(term.replace("...", ""))
    return term.replace("...", "".join(str(i) for i in range(missing - 1, -1, -1)))
