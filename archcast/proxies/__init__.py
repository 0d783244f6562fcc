"""Zero-cost proxies: scores of untrained networks."""

from archcast.proxies.base import PROXIES, ProxyFailure, register

__all__ = ["PROXIES", "ProxyFailure", "register"]
