"""Studies: variants × tasks × seeds, trained, evaluated and reported with evidence."""
