"""``python -m seqwright``."""

from seqwright.cli.main import main

if __name__ == "__main__":
    main()
