"""One-shot predictors: one network that contains every architecture is trained once; each architecture is read from it."""
