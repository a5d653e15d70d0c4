"""Values that every package shares: specs, open places, models, tokens, probes and errors."""
