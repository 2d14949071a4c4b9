"""Two or more runs on one page: their best models side by side, and what differs between the runs."""


def letters(place: int) -> str:
    """What the page calls the run at a place, from 0: A, B, C, ..."""
    return chr(ord("A") + place)
