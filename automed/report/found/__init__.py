"""How a run came to its models, and what makes it again: importance of parameters, finalists side by side, making."""
