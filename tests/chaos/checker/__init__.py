"""The judge: reads the evidence of a run and says which promises were broken.

Every invariant is a pure function from a :class:`~tests.chaos.checker.case.Case`, which is the evidence opened
up, to a :class:`~tests.chaos.checker.finding.Finding`: what was looked at, what was wrong, what was measured.
None of them trusts the service: they compare what people were told with what the tables' triggers saw, and both
with what the broker delivered.

=============  =======================================================================================
registry.py    the invariants in order; ``judge``
finding.py     Violation, Finding, Verdict
case.py        the evidence by what it is about: the life of each request and match, frames by socket
windows.py     when something was broken, and how late things may be because of it
living.py      I1         keeping.py     I2         events.py    I3, I5      pairing.py    I4, I13
access.py      I6         agreement.py   I7         states.py    I8, I10     cancelling.py I9
repeats.py     I11        bounds.py      I12        telling.py   I14         secrets.py    I15
conduct.py     P0         answers.py     P0: no answer was untrue
=============  =======================================================================================
"""

from tests.chaos.checker.finding import Finding, Verdict, Violation
from tests.chaos.checker.registry import INVARIANTS, judge

__all__ = ["INVARIANTS", "Finding", "Verdict", "Violation", "judge"]
