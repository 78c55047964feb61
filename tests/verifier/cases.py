"""Every case of the trust policy."""

from __future__ import annotations

from typing import Final

from . import cases_claims, cases_form, cases_header, cases_keys

CASES: Final = [*cases_form.CASES, *cases_header.CASES, *cases_keys.CASES, *cases_claims.CASES]
ACCEPTED: Final = [case for case in CASES if case.reason is None]
REFUSED: Final = [case for case in CASES if case.reason is not None]
