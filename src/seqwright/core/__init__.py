"""Values that every room shares: specs, tokens, probes, and the error that is the user's to mend."""
