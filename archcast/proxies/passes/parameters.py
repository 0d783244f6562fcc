"""The parameters of the model, which cost nothing to look at."""

from __future__ import annotations

from typing import Any

from archcast.proxies.machinery.session import Session
from archcast.proxies.passes import makes

__all__ = ["run"]


@makes("parameters")
@makes("modules")
def run(session: Session, wanted: frozenset[str]) -> dict[str, Any]:
    """Recordings:

    - ``parameters``: name -> parameter, each once.
    - ``modules``: all modules.
    """
    found = {"parameters": session.parameters, "modules": list(session.model.modules())}
    return {name: found[name] for name in wanted}
