"""What the mall remembers: models, migrations, the database, objects and backups."""
