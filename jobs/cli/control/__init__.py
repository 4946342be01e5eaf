"""Commands that say who may act, and how far clocks are trusted."""
