"""What goes wrong, as exceptions with the server's own words. All are SlipwayError."""


class SlipwayError(Exception):
    """`code`: the server's word ("not_found"); `status`: of HTTP, or None when there was no answer."""

    code = "internal"

    def __init__(self, message: str, *, status: int | None = None):
        super().__init__(message)
        self.status = status


class InvalidArgument(SlipwayError, ValueError):
    """The request itself is wrong; trying again won't help."""

    code = "invalid_argument"


class NotFound(SlipwayError, LookupError):
    """The named thing does not exist."""

    code = "not_found"


class AlreadyExists(SlipwayError):
    """The name is taken."""

    code = "already_exists"


class FailedPrecondition(SlipwayError):
    """The right request in the wrong state: nothing was ingested yet, a view is not declared."""

    code = "failed_precondition"


class Conflict(SlipwayError):
    """Somebody else changed it first."""

    code = "conflict"


class Unauthenticated(SlipwayError):
    """The server wants to know who asks: give a token."""

    code = "unauthenticated"


class PermissionDenied(SlipwayError, PermissionError):
    """The server knows who asks, and refuses."""

    code = "permission_denied"


class ResourceExhausted(SlipwayError):
    """A limit was reached, also after the retries."""

    code = "resource_exhausted"


class StorageFull(SlipwayError):
    """No room left on the server's disk."""

    code = "storage_full"


class Unavailable(SlipwayError, ConnectionError):
    """Nobody answers, or not now, also after the retries."""

    code = "unavailable"


class DeadlineExceeded(SlipwayError, TimeoutError):
    """It took longer than allowed. What was asked for may have been done."""

    code = "deadline_exceeded"


class Corruption(SlipwayError):
    """Stored bytes are not what was written."""

    code = "corruption"


class Internal(SlipwayError):
    """The server's own mistake."""

    code = "internal"


BY_CODE = {error.code: error for error in SlipwayError.__subclasses__()}
