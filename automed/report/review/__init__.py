"""A review of cases by readers: what they are shown, the file that they send back, and what came of all of them."""
