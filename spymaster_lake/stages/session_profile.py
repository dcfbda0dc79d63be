"""The profile as it holds in one session: widths that follow the price are points here."""

from __future__ import annotations

from dataclasses import replace

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.stages.spec import SessionInputs, StageContext
from spymaster_lake.stages.tables import objects


def in_session(inputs: SessionInputs, context: StageContext) -> StageContext:
    """`context` with every width of the profile in points of this session.

    Widths are fixed, or follow the reference price that load_bronze wrote into work/sessions: the
    last regular print before the close of the session before, so nothing of the session itself.

    Args:
        inputs: with the table `sessions`.
        context: of the stage.

    Raises:
        DataError: widths follow the price, and the session has no reference price.
    """
    (price,) = objects(inputs.table("sessions"), "reference_price")
    if context.profile.bands.reference_price is None:
        return context
    if price is None:
        raise DataError(
            f"{inputs.day}: work/sessions has no reference_price, which the widths of "
            f"{context.profile.instrument} follow; rerun load_bronze for this date"
        )
    return replace(context, profile=context.profile.at_price(float(price)))
