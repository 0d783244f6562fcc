"""What the passes are built from: the model's state, its inputs and outputs, and the record of its function calls."""
