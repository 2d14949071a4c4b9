"""The shares of the classes in training, for every record: what is reached without looking."""

from __future__ import annotations

import kit

if __name__ == "__main__":
    kit.run(kit.fixed)
