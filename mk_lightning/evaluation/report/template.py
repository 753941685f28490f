"""Templates of pages."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

PAGES = Environment(
    loader=PackageLoader("mk_lightning.evaluation.report", "."), autoescape=True, undefined=StrictUndefined
)
"""The templates of this folder; a page is compiled once in a process."""


def render(name: str, **values: Any) -> str:
    """Fill in a template of this folder; text is escaped, and a name without a value is an error."""
    return PAGES.get_template(name).render(**values)
