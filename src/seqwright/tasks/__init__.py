"""Where sequences come from, and how symbols become the numbers that a model reads."""
