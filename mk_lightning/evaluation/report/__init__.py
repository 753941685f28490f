"""HTML reports of one fine-tuning and of several beside each other."""

from mk_lightning.evaluation.report.arms_page import write_arms_page as write_arms_page
from mk_lightning.evaluation.report.page import write_report as write_report
