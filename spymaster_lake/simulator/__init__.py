"""A market simulator that writes the vendor's raw files; for demonstrations and tests."""

from spymaster_lake.simulator.model import SIZES, MarketModel, SessionReport, SimulationReport
from spymaster_lake.simulator.run import VENDORS, simulate

__all__ = ["SIZES", "VENDORS", "MarketModel", "SessionReport", "SimulationReport", "simulate"]
