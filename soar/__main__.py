"""`python -m soar` is the `soar` command."""

from soar.cli.main import main

if __name__ == "__main__":
    main()
