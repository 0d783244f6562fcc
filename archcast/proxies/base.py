"""The registry of zero-cost proxies and the contract of one of them.

A zero-cost proxy scores an untrained network. Here it is a pure function from *recordings* to a number: it names the
recordings it needs, the engine (:mod:`archcast.proxies.engine`) makes each of them once for all proxies that are asked
for, and the function turns them into its score. To add one, write a file with a function decorated by
``@register("my_proxy", recordings=(...), ...)``.

Higher is better, for every proxy. Where the literature's sign is the other one it is flipped in the function, whose
docstring says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archcast.errors import ArchcastError
from archcast.names import PROXIES

__all__ = ["PROXIES", "ProxyFailure", "register"]

ProxyFunction = Callable[..., Any]


class ProxyFailure(ArchcastError):
    """A score that does not exist for this model or these inputs; the message is the reason."""


def register(
    name: str, *, summary: str, paper: str, recordings: tuple[str, ...]
) -> Callable[[ProxyFunction], ProxyFunction]:
    """Decorator: add a proxy.

    Args:
        name: the name of the literature, with underscores.
        summary: one line.
        paper: where it was proposed, with a link.
        recordings: names of the recordings the function takes, in order (see :mod:`archcast.proxies.passes`). They
            decide what the proxy needs: data, labels, gradients.
    """
    return PROXIES.register(name, summary=summary, paper=paper, recordings=recordings, direction="higher is better")
