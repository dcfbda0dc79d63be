"""Random numbers that depend on (seed, date, purpose) alone, so that sessions are independent."""

from __future__ import annotations

import zlib
from datetime import date

import numpy as np


def generator(seed: int, day: date | None, purpose: str) -> np.random.Generator:
    """A generator for one purpose of one session; `day` None for what spans sessions.

    Args:
        seed: seed of the simulation, >= 0.
        day: session date.
        purpose: any name; other purposes give independent streams.
    """
    words = [seed, day.toordinal() if day else 0, zlib.crc32(purpose.encode())]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
