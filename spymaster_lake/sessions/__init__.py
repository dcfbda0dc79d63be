"""Session dates and their clocks as int64 ns bounds, from a real exchange calendar."""
