"""Training: objective, optimiser, schedule, and one trainer for one model or hundreds."""
