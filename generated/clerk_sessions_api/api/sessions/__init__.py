# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The operations of this tag.

``get_session_list``: List sessions.
``create_session``: Create a session.
``get_session``: Read one session.
``refresh_session``: Trade an expired session token for a fresh one.
``revoke_session``: Revoke a session.
``create_session_token``: Issue a session token.
``create_session_token_from_template``: Issue a token by a JWT template.
"""
