"""Makes a crowd's projects, and connects them. A run that was killed is completed by the same command.

The ledger has the crowd before its first project, and each project as soon as it is made. A project that a killed run
made without recording it is found by its title, which no project had when the crowd was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from backend.application.annotation.change_detection import poll_from_beginning
from backend.application.ports.crowd_ledger import CrowdLedger, CrowdRecord
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.projects import ProjectDirectory
from backend.application.projects.connect import EMPTY_CONFIG, Connector
from backend.application.projects.plan import ConfigChoice
from backend.domain.crowd.routing import Role
from backend.domain.errors import InvalidInput, NotFound


class RoleConfigs(Protocol):
    """Makes the label configs of a crowd's projects (adapters/labelstudio)."""

    def __call__(self, label_config: str, role: Role, *, public_url: str, project_id: int, is_redone: bool) -> str:
        """Raises LabelConfigError."""
        ...


class ProjectOptions(Protocol):
    """Options of Label Studio's projects. Raises as ProjectDirectory does."""

    def set_people(self, project_id: int, people: int) -> None:
        """How many people annotate each task."""
        ...

    def serve_worst_first(self, project_id: int, model_version: str) -> None:
        """Serves the tasks with the most uncertain predictions first."""
        ...


@dataclass(frozen=True, slots=True)
class CrowdMade:
    """A crowd that is ready. made: the roles whose projects this run made. notes: sentences for the lead."""

    record: CrowdRecord
    made: tuple[Role, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CrowdSetup:
    """Makes crowds."""

    ledger: CrowdLedger
    projects: ProjectDirectory
    options: ProjectOptions
    connector: Connector
    config_for: RoleConfigs
    key_values: KeyValueStore

    def init(self, wanted: CrowdRecord) -> CrowdMade:
        """Makes what is missing of a crowd; changes nothing of one that is ready and connected.

        Raises InvalidInput if the name is taken or a project is gone, LabelConfigError for an unusable label config.
        """
        known = self.ledger.crowd_record(wanted.crowd.name)
        if known is None:
            self._require_config(wanted)
            self._require_free_titles(wanted)
            self.ledger.add_crowd(wanted)
            known = self.ledger.crowd_record(wanted.crowd.name) or wanted
        _require_same(known, wanted)
        made, notes = [], []
        for role in known.roles:
            project_id, is_new = self._project(known, role)
            if is_new:
                made.append(role)
            if not known.is_ready:
                self._set_up(known, role, project_id)
            notes += [f"{role}: {note}" for note in self._connect(project_id)]
            if role is Role.TRACK and not known.is_ready:  # Label Studio takes a version of a connected backend only
                self.options.serve_worst_first(project_id, self.connector.settings.model_version)
        self.ledger.set_crowd_ready(known.crowd.name)
        ready = self.ledger.crowd_record(known.crowd.name)
        assert ready is not None, "crowds are not removed"
        return CrowdMade(ready, tuple(made), tuple(dict.fromkeys(notes)))

    def _require_config(self, wanted: CrowdRecord) -> None:
        for role in wanted.roles:
            self._config(wanted, role, 1)

    def _require_free_titles(self, wanted: CrowdRecord) -> None:
        for role in wanted.roles:
            title = title_of(wanted.crowd.name, role)
            taken = self.projects.project_titled(title)
            if taken is not None:
                raise InvalidInput(
                    f"the name {wanted.crowd.name!r} is taken: project {taken} of Label Studio has the title "
                    f"{title!r}; choose another name, or rename that project"
                )

    def _project(self, record: CrowdRecord, role: Role) -> tuple[int, bool]:
        """The project of a role, and whether it was made or found just now."""
        known = record.crowd.projects.get(role)
        if known is not None:
            self._require_there(record, role, known)
            return known, False
        title = title_of(record.crowd.name, role)
        project_id = self.projects.project_titled(title)
        if project_id is None:
            project_id = self.projects.create_project(title, EMPTY_CONFIG)
        self.ledger.set_crowd_project(record.crowd.name, role, project_id)
        return project_id, True

    def _require_there(self, record: CrowdRecord, role: Role, project_id: int) -> None:
        try:
            self.projects.project(project_id)
        except NotFound as error:
            raise InvalidInput(
                f"project {project_id}, in which crowd {record.crowd.name!r} has its {role} tasks, is gone from Label "
                "Studio, or hidden from the token's user: make a crowd with another name"
            ) from error

    def _set_up(self, record: CrowdRecord, role: Role, project_id: int) -> None:
        """Writes the label config and the options, and lets every annotation be read."""
        poll_from_beginning(self.key_values, project_id)
        config = self._config(record, role, project_id)
        if self.projects.project(project_id).label_config != config:
            self.projects.write_config(project_id, config)
        self.options.set_people(project_id, record.crowd.verifiers if role is Role.VERIFY else 1)

    def _connect(self, project_id: int) -> Iterator[str]:
        plan = self.connector.plan(project_id, ConfigChoice.KEEP)
        yield from plan.notes
        if not plan.changes_nothing:
            yield from self.connector.apply(plan)

    def _config(self, record: CrowdRecord, role: Role, project_id: int) -> str:
        url = self.connector.settings.public_url
        is_redone = role is not Role.SELECT or Role.TRACK not in record.roles
        return self.config_for(record.label_config, role, public_url=url, project_id=project_id, is_redone=is_redone)


def title_of(name: str, role: Role) -> str:
    """The title of a project in Label Studio, which takes 50 characters."""
    return f"{name}: {role}"


def _require_same(known: CrowdRecord, wanted: CrowdRecord) -> None:
    """Raises InvalidInput if the name is that of a crowd with other settings."""
    name = known.crowd.name
    for what, there, asked in (
        ("roles", ", ".join(known.roles), ", ".join(wanted.roles)),
        ("verifiers", known.crowd.verifiers, wanted.crowd.verifiers),
        ("redos", known.crowd.max_redos, wanted.crowd.max_redos),
        ("checks", known.crowd.checks, wanted.crowd.checks),
        ("label config", known.label_config, wanted.label_config),
    ):
        if there != asked:
            shown = "another label config" if what == "label config" else f"{what} {there}, not {asked}"
            raise InvalidInput(f"the name {name!r} is taken: that crowd has {shown}; choose another name")
