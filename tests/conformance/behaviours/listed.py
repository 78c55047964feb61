"""What every framework does alike: one list, which `test_behaviours` runs unchanged over each of them."""

from __future__ import annotations

from tests.conformance.behaviours import demands, outages, policies, refused, signed_in, tenants
from tests.conformance.site import behaviours_of

LIST = {
    name: found
    for module in (refused, signed_in, demands, policies, outages, tenants)
    for name, found in behaviours_of(module).items()
}
"""Each behaviour by its name, with the fields of the `Setup` that it is about."""
