"""What architectures cost on a device: latency and energy, learned from few measurements."""
