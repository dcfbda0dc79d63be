"""Speed and memory against stated limits; `python -m tests.bench`."""
