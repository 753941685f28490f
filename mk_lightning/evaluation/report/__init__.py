"""A report of a fine-tuning: one page that needs nothing beside it."""

from mk_lightning.evaluation.report.page import write_report

__all__ = ["write_report"]
