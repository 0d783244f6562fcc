"""The torch networks that the spaces build; imported on demand only."""
