"""Raw vendor files to Bronze: decode, map symbols, normalise, quarantine, publish."""
