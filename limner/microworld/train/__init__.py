"""Training of the embedded world's models: one file per model, one shared loop, one command."""
