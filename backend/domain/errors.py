"""Error hierarchy. Adapters translate vendor exceptions into these; interfaces translate these into replies.

MaskletError
├── InvalidInput            the caller can fix it
│   ├── MalformedRequest    the body violates the protocol
│   ├── LabelConfigError    the label config cannot work with Masklet
│   ├── PromptError         an invalid prompt: unknown label, bad coordinate, frame past the end
│   └── TooLarge            a body, mask or list over its limit
├── NotAllowed              a media address, project or job that this caller may not access
├── NotFound                a job, task or file does not exist
├── MediaError              the video or image cannot be used; retrying does not help
│   └── MediaRefused        its server refused it or gave something else: it looks final
├── MediaUnreachable        the video or image could not be fetched now; retrying may help
├── ModelError              the checkpoint is missing, wrong or does not load
├── DeviceOutOfMemory       the device has too little memory
├── ServiceUnavailable      a required service does not answer: retry
│   ├── StorageFull         a disk is full: the work resumes when there is space
│   ├── StoreUnavailable    the store that machines share does not answer
│   │   └── StoreRefused    it refused: its address, credentials or a clock are wrong
│   ├── Overloaded          too many requests wait already
│   ├── QueueUnavailable
│   └── LabelStudioUnavailable
├── LabelStudioRefused      Label Studio refused the request: it looks final
├── Cancelled               the work was cancelled on request
│   ├── Superseded          a newer prompt replaced this work
│   └── Interrupted         the worker is stopping; another attempt continues
├── IntegrityError          a file's content does not have the expected hash
└── SnapshotMismatch        a propagation cannot resume from this snapshot: restart it
"""


class MaskletError(Exception):
    """Base of all errors that Masklet raises on purpose; the message is one sentence for a person."""


class InvalidInput(MaskletError):
    """The caller sent invalid input and can fix it."""


class MalformedRequest(InvalidInput):
    """The request body violates the protocol; the message names the field."""


class LabelConfigError(InvalidInput):
    """The label config cannot work with Masklet; the message says which tag is missing or ambiguous."""


class PromptError(InvalidInput):
    """A prompt is invalid; the message names the value and the choices."""


class TooLarge(InvalidInput):
    """A body, a mask or a list is over its limit; the message names the limit."""


class NotAllowed(MaskletError):
    """A media address, project or job that this caller may not access."""


class NotFound(MaskletError):
    """A job, task or file does not exist."""


class MediaError(MaskletError):
    """The video or image itself cannot be used; retrying does not help."""


class MediaRefused(MediaError):
    """The server of the video or image refused it, has no such file, or gave something else. It looks final."""


class MediaUnreachable(MaskletError):
    """The video or image could not be fetched now; retrying may help."""


class PicturesGone(MaskletError):
    """The video of a labelled folder is not where it was, or is another one by now."""


class ModelError(MaskletError):
    """The checkpoint is missing, wrong, or does not load."""


class DetectorMissing(ModelError):
    """There is no detector to find objects by a text."""


class DeviceOutOfMemory(MaskletError):
    """The device has too little memory for this request."""


class ServiceUnavailable(MaskletError):
    """A required service does not answer; retrying may help."""


class LeaseLost(ServiceUnavailable):
    """Another process took over this work meanwhile; nothing was written."""


class StorageFull(ServiceUnavailable):
    """A disk or a quota is full; the work resumes by itself when there is space."""


class StoreUnavailable(ServiceUnavailable):
    """The store that machines share does not answer; nothing of what was stored is lost."""


class StoreRefused(StoreUnavailable):
    """The store that machines share refuses requests until somebody mends what the message names."""


class Overloaded(ServiceUnavailable):
    """Too many requests wait already; nothing was recorded. retry_after_s: when to try again, in seconds."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotYet(MaskletError):
    """The answer needs something that is being prepared; asking again soon may help."""


class NotEncoded(NotYet):
    """A frame is not encoded yet."""


class QueueUnavailable(ServiceUnavailable):
    """Redis or Valkey does not answer or is out of memory."""


class LabelStudioUnavailable(ServiceUnavailable):
    """Label Studio does not answer or answered with a server error."""


class LabelStudioRefused(MaskletError):
    """Label Studio refused: wrong token, unknown task, invalid body. It looks final; a later try may succeed."""


class Cancelled(MaskletError):
    """The work was cancelled on request."""


class Superseded(Cancelled):
    """A newer prompt for the same task replaced this work."""


class Interrupted(Cancelled):
    """The worker is stopping; the work goes back to the queue."""


class IntegrityError(MaskletError):
    """A file's content does not have the expected hash."""


class SnapshotMismatch(MaskletError):
    """A snapshot is damaged or belongs to another propagation: the propagation must restart."""


def reason_of(error: BaseException) -> str:
    """An error as stored in a job: "ClassName: message"."""
    return f"{type(error).__name__}: {error}"


def error_of(reason: str) -> MaskletError:
    """The error that `reason_of` recorded; MaskletError for an unknown class name."""
    name, _, message = reason.partition(": ")
    return _subclasses_by_name(MaskletError).get(name, MaskletError)(message or reason)


def _subclasses_by_name(root: type[MaskletError]) -> dict[str, type[MaskletError]]:
    names = {root.__name__: root}
    for child in root.__subclasses__():
        names |= _subclasses_by_name(child)
    return names
