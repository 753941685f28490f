"""`python cli.py fit ...` is `mk-lightning fit ...`."""

from mk_lightning.cli.main import main

if __name__ == "__main__":
    main()
