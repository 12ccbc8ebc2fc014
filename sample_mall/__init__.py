"""A mall made of public data, which enters only through the public doors."""
