"""The embedded world: a small law of pictures, its grammar, oracle, weights and their training."""
