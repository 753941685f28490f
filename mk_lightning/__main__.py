"""`python -m mk_lightning`."""

from mk_lightning.cli import main

main()
