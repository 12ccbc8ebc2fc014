"""Messages inside the sites."""
