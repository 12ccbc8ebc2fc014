"""Outside things, each a Protocol with a real and a console implementation."""
