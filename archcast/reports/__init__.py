"""Pages, figures and number formats that benchmarks and searches print alike."""
