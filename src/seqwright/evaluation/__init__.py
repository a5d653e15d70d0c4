"""How a model behaves, measured and named; studies and the doctor share these definitions."""
