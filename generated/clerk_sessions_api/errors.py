# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""What parsing an answer raises. No message holds anything that the server sent."""


class UnexpectedStatus(Exception):
    """The answer's status is not documented, or the body that came with an error status cannot be read.

    Attributes:
        status_code: The HTTP status.
    """

    def __init__(self, status_code: int) -> None:
        super().__init__(status_code)
        self.status_code = status_code

    def __str__(self) -> str:
        return f"the server answered with status {self.status_code}, or with a body, that is not documented"


class UnexpectedBody(ValueError):
    """The answer's body is not JSON, or not the JSON that was expected.

    Attributes:
        field: Which part does not fit: a model and its field, such as ``Session.id``, or ``body``.
        expected: What would fit, in words.
    """

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(field, expected)
        self.field = field
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}"


__all__ = ["UnexpectedBody", "UnexpectedStatus"]
