"""Measures of forecasts: pure functions of arrays, for retrieval and models alike (03 5.3, 04 1.1)."""
