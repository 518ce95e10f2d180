"""The error tree. Adapters translate vendors' exceptions into these; the edges translate these into replies.

MaskletError
├── InvalidInput            the caller can mend it
│   ├── MalformedRequest    the body is not what the protocol says
│   ├── LabelConfigError    the label config cannot work with Masklet
│   ├── PromptError         a prompt that cannot be honoured: unknown label, bad coordinate, frame past the end
│   └── TooLarge            a body, mask or list over its limit
├── NotAllowed              a media address, project or job that this caller may not reach
├── NotFound                a job, task or file that is not there
├── MediaError              the video or image cannot be used; retrying does not help
├── MediaUnreachable        the video or image could not be fetched now; retrying may help
├── ModelError              the checkpoint is missing, wrong or will not load
├── DeviceOutOfMemory       the device's memory did not suffice
├── ServiceUnavailable      a service that Masklet needs does not answer: retry
│   ├── QueueUnavailable
│   └── LabelStudioUnavailable
├── LabelStudioRefused      Label Studio answered with a refusal; retrying does not help
├── Cancelled               the work was cancelled on request
│   ├── Superseded          a newer prompt replaced this work
│   └── Interrupted         the worker is stopping; another attempt goes on
├── IntegrityError          a file's content does not have the hash it should have
└── SnapshotMismatch        a propagation cannot be taken up from this snapshot: start it afresh
"""


class MaskletError(Exception):
    """Base of all errors that Masklet raises on purpose; the message is one sentence for a person."""


class InvalidInput(MaskletError):
    """The caller sent something that cannot work and can mend it."""


class MalformedRequest(InvalidInput):
    """The request body is not what the protocol says; the message names the field."""


class LabelConfigError(InvalidInput):
    """The label config cannot work with Masklet; the message says which tag is missing or ambiguous."""


class PromptError(InvalidInput):
    """A prompt that cannot be honoured; the message names the value and the choices."""


class TooLarge(InvalidInput):
    """A body, a mask or a list is over its limit; the message names the limit."""


class NotAllowed(MaskletError):
    """A media address, project or job that this caller may not reach."""


class NotFound(MaskletError):
    """A job, task or file that is not there."""


class MediaError(MaskletError):
    """The video or image itself cannot be used; trying again does not help."""


class MediaUnreachable(MaskletError):
    """The video or image could not be fetched now; trying again may help."""


class ModelError(MaskletError):
    """The checkpoint is missing, wrong, or does not load."""


class DeviceOutOfMemory(MaskletError):
    """The device's memory did not suffice for this request."""


class ServiceUnavailable(MaskletError):
    """A service that Masklet needs does not answer; trying again may help."""


class QueueUnavailable(ServiceUnavailable):
    """Redis or Valkey does not answer or is out of memory."""


class LabelStudioUnavailable(ServiceUnavailable):
    """Label Studio does not answer or answered with a server error."""


class LabelStudioRefused(MaskletError):
    """Label Studio refused: wrong token, unknown task, invalid body. Trying again does not help."""


class Cancelled(MaskletError):
    """The work was cancelled on request."""


class Superseded(Cancelled):
    """A newer prompt for the same task replaced this work."""


class Interrupted(Cancelled):
    """The worker is stopping; the work goes back to the queue."""


class IntegrityError(MaskletError):
    """A file's content does not have the hash it should have."""


class SnapshotMismatch(MaskletError):
    """A snapshot that is damaged or was taken of other work, so that a propagation must start afresh."""


def reason_of(error: BaseException) -> str:
    """The form in which a job's record keeps an error: its class name, a colon, its sentence."""
    return f"{type(error).__name__}: {error}"


def error_of(reason: str) -> MaskletError:
    """The error that `reason_of` recorded, so that the edge can answer as if it had happened there."""
    name, _, sentence = reason.partition(": ")
    return _named(MaskletError).get(name, MaskletError)(sentence or reason)


def _named(root: type[MaskletError]) -> dict[str, type[MaskletError]]:
    names = {root.__name__: root}
    for child in root.__subclasses__():
        names |= _named(child)
    return names
