"""``python -m archcast`` is the command line."""

from archcast.cli import main

if __name__ == "__main__":
    main()
