"""Data: file formats, tokenisers, vocabularies, corpora, batches."""
