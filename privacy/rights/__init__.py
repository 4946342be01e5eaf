"""What persons may ask for, and how long what is kept."""
