"""Thin doors to the rooms behind them, one file a verb. Nothing here imports torch until a verb is called."""
