"""Feature kernels: pure NumPy functions of arrays. No Spark, no configuration files, no I/O."""
