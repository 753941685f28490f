"""What a server of forks loads, as the command line does: it settles first what libraries read when they load."""

from mk_lightning.cli.startup import loading

with loading():
    import mk_lightning.cli.program
    import mk_lightning.evaluation.report  # noqa: F401
