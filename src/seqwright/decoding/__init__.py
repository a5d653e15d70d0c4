"""From a model to the sequences it generates."""
