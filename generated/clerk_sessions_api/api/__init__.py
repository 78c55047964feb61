# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The operations, a package for each tag and a module for each operation."""
