"""Spymaster Lake: ticks in, look-ahead-free features, episodes and similarity indices out."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
