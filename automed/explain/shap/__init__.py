"""Shapley values of a model's answer: which explainer of SHAP computes them, and the ones that are there."""
