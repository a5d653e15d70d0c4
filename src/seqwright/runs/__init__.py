"""Runs: a model trained on your own sequences, kept in a folder that can be stopped, resumed, asked and measured."""
