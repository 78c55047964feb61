# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The operations of this tag.

``get_jwks``: Read the instance's key set.
"""
