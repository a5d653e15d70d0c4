"""Training: what is minimised, at which rate, and one loop for one model or hundreds."""
