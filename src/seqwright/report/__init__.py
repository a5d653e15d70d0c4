"""Offline HTML pages with charts, made of results."""
