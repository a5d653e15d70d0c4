"""From files to batches: formats, tokenisers, vocabularies, corpora and samplers."""
