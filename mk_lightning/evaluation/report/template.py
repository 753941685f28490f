"""Templates of pages."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(name: str, **values: Any) -> str:
    """Fill in a template of this folder; text is escaped, and a name without a value is an error."""
    loader = PackageLoader("mk_lightning.evaluation.report", ".")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template(name).render(**values)
