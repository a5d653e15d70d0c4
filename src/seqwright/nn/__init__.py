"""The parts of sequence models, each beside the spec that describes it, and the transformer made of them."""
