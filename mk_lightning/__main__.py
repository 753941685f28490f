"""`python -m mk_lightning`."""

from mk_lightning.cli.main import main

main()
