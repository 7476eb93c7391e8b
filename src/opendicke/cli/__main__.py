"""`python -m opendicke.cli`."""

from opendicke.cli import script

if __name__ == "__main__":  # not in workers, which import this module again
    script()
