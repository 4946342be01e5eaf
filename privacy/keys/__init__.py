"""Keys: where they come from, their states, and what is done with them."""
