"""PostgreSQL: the pool, statements from files, values in binary form, the embedded server, migrations."""
