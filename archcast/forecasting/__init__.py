"""Forecasts of one's own trainings, from learning curves alone: no space and no architecture is named."""
