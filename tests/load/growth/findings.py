"""What is told of growth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.load.growth.subject import Subject
from tests.load.report import Findings, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthReport(Findings):
    """One table and one plot for each subject."""

    subjects: Sequence[Subject]
    paths: Mapping[str, str] = field(default_factory=dict)
    """Statements with the indexes by which they find their rows, beside the longest history."""

    @property
    def is_clean(self) -> bool:
        """Whether everyone was matched, and every statement found its rows by an index."""
        return not self.errors

    def derived(self) -> Mapping[str, object]:
        """How much each cost has grown."""
        return {"factors": {subject.name: dict(subject.factors) for subject in self.subjects}}

    def tables(self) -> Sequence[Table]:
        """One for each subject, and what PostgreSQL does."""
        tables = [subject.table() for subject in self.subjects]
        if self.paths:
            rows = [(f"{sql} ...", path or "no rows of tables") for sql, path in self.paths.items()]
            tables.append(Table("How PostgreSQL finds the rows, beside the longest history", (), rows))
        return tables

    def pictures(self) -> Sequence[str]:
        """One for each subject that is more than a count."""
        return [subject.picture() for subject in self.subjects if subject.is_drawn]
