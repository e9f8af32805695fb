"""`python -m t2itui` and the console script."""

from t2itui.cli.main import main

if __name__ == "__main__":
    main()
