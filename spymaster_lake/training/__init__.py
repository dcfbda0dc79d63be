"""From lake tables to registered models; never writes a lake table (04 section 1)."""
