"""The studies, one question a file: the cells to train, and the conclusions from their results."""
