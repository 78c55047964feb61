"""How fast we are, each piece of work against its floor and the peers in one run: ``python -m benchmarks``."""
