"""The trainer of `patchtst_event`, a transformer over the 20 minutes before an anchor (04 1.3)."""
