"""Real models: how accurate a network will be on ImageNet, from how it is built and how it is trained."""

from archcast.zoo.forecaster import ZooForecast, ZooForecaster
from archcast.zoo.recipe import RECIPE, recipe_flags
from archcast.zoo.shipped import forecast_model, shipped

__all__ = ["RECIPE", "ZooForecast", "ZooForecaster", "forecast_model", "recipe_flags", "shipped"]
