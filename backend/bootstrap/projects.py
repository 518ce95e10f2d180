"""Wiring of `masklet connect` and `masklet project create`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from backend.adapters.labelstudio.api.data_table import DataTables
from backend.adapters.labelstudio.api.projects import Projects
from backend.adapters.labelstudio.api.session import version_of
from backend.adapters.labelstudio.config.project_configs import config_for
from backend.adapters.labelstudio.versions import untried
from backend.application.projects.connect import Connector
from backend.application.projects.plan import ConfigChoice, ConnectionSettings
from backend.bootstrap.container import Container
from backend.domain.errors import InvalidInput, MaskletError, ServiceUnavailable

LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")
FORBIDDEN = set("'\"<>&$ ")
"""Characters that would end the player's address in a label config, or have a meaning for Label Studio there."""


@contextmanager
def open_connector(container: Container, *, url: str = "", public_url: str = "") -> Iterator[Connector]:
    """url: Masklet's address for Label Studio; public_url: for browsers; empty: as the settings have them.

    Raises InvalidInput without LABEL_STUDIO_URL or for an address that is none, ServiceUnavailable without a worker.
    """
    model = container.model_announcement.announced()
    with closing(container.label_studio_session()) as session:
        if model is None:
            raise ServiceUnavailable(
                f"no worker has announced its model in {container.folder.root}: start Masklet first (masklet up), with "
                "the same MASKLET_DATA_DIR"
            )
        yield Connector(
            Projects(session),
            DataTables(session),
            config_for,
            _settings(container, url, public_url, model.version, note=untried(version_of(session))),
        )


def connection_warnings(container: Container, project_id: int) -> tuple[str, ...]:
    """What a project lacks of a connection to Masklet, a sentence each; none for a connected one.

    The columns of its table are no part of the connection.
    """
    try:
        with open_connector(container) as connector:
            missing = list(replace(connector.plan(project_id, ConfigChoice.KEEP), table=None).sentences())
    except MaskletError as error:
        return (f"it is not known whether project {project_id} is connected to Masklet: {error}",)
    if not missing:
        return ()
    remedy = f"masklet connect {project_id} --config keep"
    return (f"project {project_id} is not fully connected ({'; '.join(missing)}): {remedy}",)


def _settings(container: Container, url: str, public_url: str, model_version: str, *, note: str) -> ConnectionSettings:
    settings = container.settings
    return ConnectionSettings(
        label_studio_url=container.label_studio_public_url,
        public_url=public_url_for(
            public_url or settings.public_url, container.own_url, container.label_studio_public_url
        ),
        backend_url=_checked(url or container.own_url, "--url"),
        model_version=model_version,
        is_url_given=bool(url),
        user=settings.basic_auth_user,
        password=settings.basic_auth_pass.get_secret_value(),
        webhook_secret=settings.webhook_secret.get_secret_value(),
        note=note,
    )


def public_url_for(given: str, own: str, label_studio_url: str) -> str:
    """Masklet's address for browsers: as given, else its own.

    Of the two loopback names, which are different hosts for a browser's cookies, it has Label Studio's.
    """
    checked = _checked(given or own, "MASKLET_PUBLIC_URL")
    parts, name = urlsplit(checked), urlsplit(label_studio_url).hostname
    if given or parts.hostname not in LOOPBACK or name not in LOOPBACK:
        return checked
    host = f"[{name}]" if ":" in name else name
    return urlunsplit(parts._replace(netloc=host if parts.port is None else f"{host}:{parts.port}"))


def _checked(url: str, option: str) -> str:
    """The address without a slash at its end. Raises InvalidInput."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or FORBIDDEN & set(url):
        raise InvalidInput(f"{url!r} is no web address (http://host:port); set {option}")
    if parts.hostname in EVERY_ADDRESS:
        raise InvalidInput(f"nothing can be reached at {url}: say Masklet's address with {option}")
    return url.rstrip("/")
