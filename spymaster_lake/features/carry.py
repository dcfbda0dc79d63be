"""From the price under an option to its forward: nothing to do for a future, carry for a share.

A European option on a share is an option on its forward (Black and Scholes 1973, Black 1976):

    F = (S - sum of d exp(-r T_d)) exp(r T)      over dividends d with t < ex time <= expiry
    dF/dS = exp(r T)

so that Greeks in the share are those in the forward times powers of dF/dS. Listed options on shares
are American; the value of early exercise is left out, as the profile notes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import F64, I64
from spymaster_lake.features.implied_vol import year_fraction


@dataclass(frozen=True, slots=True)
class Carry:
    """How a price becomes a forward.

    Attributes:
        rate: continuously compounded rate per year.
        spot: whether the price is that of a share; False for a future, whose price is a forward.
        ex_ns: int64[d], instants from which a buyer has no claim on a dividend; any order.
        amount: float64[d], dividends per share in points, >= 0.
    """

    rate: float
    spot: bool
    ex_ns: I64
    amount: F64

    @classmethod
    def of_future(cls, rate: float) -> Carry:
        """No carry: the price of a future is its own forward."""
        return cls(rate, False, np.empty(0, np.int64), np.empty(0))

    def forward(self, price: F64, t_ns: I64, expiry_ns: I64) -> tuple[F64, F64]:
        """Forward of each row and its slope in the price.

        Args:
            price: float64[n], points, NaN if unknown.
            t_ns: int64[n] instants.
            expiry_ns: int64[n] expiry of each row's option; an expired one has no carry.

        Returns:
            Forward float64[n] (NaN where the price is) and dF/dS float64[n]; 1 for a future.

        Raises:
            DataError: dividends are worth at least as much as the share.
        """
        if not self.spot:
            return price, np.ones_like(price)
        slope = np.exp(self.rate * np.maximum(year_fraction(expiry_ns - t_ns), 0.0))
        bare = price - self._dividends(t_ns, expiry_ns)
        if (bare <= 0).any():
            low = int((bare <= 0).sum())
            raise DataError(f"dividends: {low} rows where they are worth the whole share or more")
        return bare * slope, slope

    def _dividends(self, t_ns: I64, expiry_ns: I64) -> F64:
        """Present value at t of the dividends before expiry, float64[n]."""
        total = np.zeros(len(t_ns))
        for ex_ns, amount in zip(self.ex_ns.tolist(), self.amount.tolist(), strict=True):
            due = (t_ns < ex_ns) & (ex_ns <= expiry_ns)
            value = amount * np.exp(-self.rate * year_fraction(ex_ns - t_ns))
            total += np.where(due, value, 0.0)
        return total
