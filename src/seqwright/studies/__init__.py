"""Studies: variants × tasks × seeds, trained, asked and reported with evidence."""
