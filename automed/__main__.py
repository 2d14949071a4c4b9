"""`python -m automed` is the command `automed`."""

from automed.cli import main

if __name__ == "__main__":
    main()
