"""Reads: get_, list_ and find_ functions that return frozen dataclasses."""
