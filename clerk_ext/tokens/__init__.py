"""Session tokens: parsing, keys, checks and the drivers that fetch keys."""
