"""Staff pages on Flask-Admin, closed by default."""
