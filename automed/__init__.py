"""automed: AutoML and explainability for deep learning in medical diagnosis."""

__version__ = "0.1.0"
