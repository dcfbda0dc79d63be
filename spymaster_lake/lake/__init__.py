"""The only readers and writers of the lake: paths, files, Bronze, Delta tables, contract checks."""
