"""Structure, evidence and curves together in one predictor."""
