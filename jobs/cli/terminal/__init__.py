"""What every command has of the terminal: groups of commands, tables, JSON, the open installation."""
