"""The doors for people and devices."""
