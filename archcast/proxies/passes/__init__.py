"""Passes: what is done with a model so that proxies can be computed from it, each done once however many proxies ask
for it.

A pass is a function ``run(session, wanted) -> recordings`` registered under the name of each recording it can make;
``wanted`` holds the names that are asked for. A recording is what proxies are functions of: gradients, a Jacobian,
counts.

A pass fails by raising :class:`~archcast.proxies.base.ProxyFailure`, or one recording alone by having it as its value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from archcast.registry import Registry

if TYPE_CHECKING:
    from archcast.proxies.machinery.session import Session

__all__ = ["RECORDINGS", "makes", "needs_of"]

Pass = Callable[["Session", frozenset[str]], dict[str, Any]]

RECORDINGS: Registry[Pass] = Registry("recording", "archcast.proxies.passes", decorator="makes")

NEEDS = ("data", "labels", "gradients")


def makes(recording: str, *, needs: tuple[str, ...] = ()) -> Callable[[Pass], Pass]:
    """Decorator: the pass makes ``recording``, for which it needs some of ``data``, ``labels``, ``gradients``."""
    return RECORDINGS.register(recording, needs=needs)


def needs_of(recordings: tuple[str, ...]) -> tuple[str, ...]:
    """What a proxy with these recordings needs, in the order of ``NEEDS``."""
    wanted = {need for name in recordings for need in RECORDINGS.entry(name).info["needs"]}
    return tuple(need for need in NEEDS if need in wanted)
