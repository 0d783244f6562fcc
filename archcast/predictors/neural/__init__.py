"""Neural networks on encodings, graphs and sequences."""
