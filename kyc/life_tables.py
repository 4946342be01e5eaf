"""The tables of a relationship's course: duplicates, links, reviews, dormancy, death, terms, consent."""
