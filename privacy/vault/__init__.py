"""The vault: fields sealed and opened, each opening logged."""
