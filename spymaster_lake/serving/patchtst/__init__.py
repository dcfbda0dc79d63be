"""The network of `patchtst_event` and how a bundle of it is served (04 section 1.3)."""
