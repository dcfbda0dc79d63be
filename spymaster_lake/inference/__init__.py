"""Jobs that ask indices and models: batch retrieval, scoring, evaluation (03 5.3, 04 section 2)."""
