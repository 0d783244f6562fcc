"""Options of ``archcast score``, read and checked."""

from __future__ import annotations

import typer

__all__ = ["one_of", "options_of", "positive", "proxies_of", "sortable"]

QUICK = ("parameters", "shared", "synflow", "maps")
"""Modules whose recordings are cheap."""


def proxies_of(text: str) -> tuple[list[str], list[str]]:
    """Names of proxies, in natural order for ``quick`` and ``all``, and of aggregates, whose proxies are among them."""
    from archcast.proxies.aggregate import AGGREGATES
    from archcast.proxies.base import PROXIES
    from archcast.proxies.engine import resolve
    from archcast.proxies.passes import RECORDINGS

    cheap = {name for name in RECORDINGS if RECORDINGS[name].__module__.rpartition(".")[2] in QUICK} - {"curvature"}
    quick = [name for name in PROXIES if cheap.issuperset(PROXIES.entry(name).info["recordings"])]
    groups = {"quick": quick, **{name: AGGREGATES[name].proxies for name in AGGREGATES}}
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    combined = [name for name in dict.fromkeys(wanted) if name in AGGREGATES]
    return resolve([part for name in wanted for part in groups.get(name, (name,))]), combined


def sortable(name: str, names: list[str], combined: list[str]) -> list[str]:
    """The aggregates that are needed to sort by ``name``."""
    from archcast.proxies.aggregate import AGGREGATES

    if name in names or name in combined:
        return combined
    if name in AGGREGATES and set(AGGREGATES[name].proxies) <= set(names):
        return [*combined, name]
    allowed = [*names, *(a for a in AGGREGATES if a in combined or set(AGGREGATES[a].proxies) <= set(names))]
    raise typer.BadParameter(f"--sort {name!r} is not one of the proxies: {', '.join(allowed)}.")


def options_of(texts: list[str] | None, names: list[str]) -> dict[str, dict[str, float]] | None:
    """``PROXY.PARAMETER=NUMBER`` texts, each checked."""
    from archcast.proxies.engine import parameters_of

    found: dict[str, dict[str, float]] = {}
    for text in texts or []:
        left, _, right = text.partition("=")
        proxy, _, key = left.strip().partition(".")
        try:
            value = float(right)
        except ValueError:
            raise typer.BadParameter(f"--option {text!r} is not of the form swap_reg.mu=40.") from None
        if proxy not in names or key not in parameters_of(proxy):
            known = [f"{name}.{parameter}" for name in names for parameter in parameters_of(name)]
            raise typer.BadParameter(
                f"--option {text!r}: the proxies asked for have {', '.join(known) if known else 'no parameters'}."
            )
        found.setdefault(proxy, {})[key] = value
    return found or None


def one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise typer.BadParameter(f"{option} {value!r} is not one of {', '.join(allowed)}.")


def positive(option: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise typer.BadParameter(f"{option} is {value}: it must be at least 1.")
    return value
