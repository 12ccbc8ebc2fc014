"""The door for devices: readings in, answers after commit."""
