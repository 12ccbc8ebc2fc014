"""Writes: verbs with keyword-only arguments, the session and the clock passed in."""
