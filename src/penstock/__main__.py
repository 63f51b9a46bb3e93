"""`penstock`, and `python -m penstock`."""

import sys


def main() -> None:
    """Run the command line on this process's arguments, and exit with its code."""
    from penstock.cli.app import app
    from penstock.cli.terminal import prepare_streams

    prepare_streams()
    app.main(sys.argv[1:], prog_name="penstock")


if __name__ == "__main__":
    main()
