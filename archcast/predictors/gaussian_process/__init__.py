"""Gaussian processes: a kernel between architectures, and a distribution over scores."""
