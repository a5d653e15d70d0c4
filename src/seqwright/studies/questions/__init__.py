"""The questions that studies ask, one a file; each says which cells to train and what to read off them."""
