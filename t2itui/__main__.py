"""`python -m t2itui` and the console script."""

import signal


def main() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Nobody is there yet who could say that it was cancelled.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from engine.patience import rest_soon

    rest_soon()
    from t2itui.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
