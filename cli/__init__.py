"""The door for operators: one file per noun."""
