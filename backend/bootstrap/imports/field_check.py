"""The fields that a project's label config needs of new tasks, checked before anything is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backend.adapters.labelstudio.config.shown_fields import label_fields, needed_fields
from backend.application.imports.model import Plan, Source
from backend.application.imports.task_fields import MADE, GivenFields, has_field, parse_fields
from backend.domain.errors import InvalidInput


def given_fields(texts: Iterable[str], label_config: str, taken: Iterable[str]) -> GivenFields:
    """The fields of --data. taken: the fields of the media. Raises InvalidInput."""
    return GivenFields(parse_fields(texts, taken), label_fields(label_config))


def require_fields(label_config: str, plan: Plan, sources: Sequence[Source]) -> None:
    """Raises InvalidInput naming a field that the label config needs and new tasks would lack, with the option."""
    made = {*MADE, plan.value_key, *plan.beside}
    needed = {name: tag for name, tag in needed_fields(label_config).items() if name not in made}
    new = [source for source in sources if source.task_id is None]
    for name, tag in needed.items():
        lacking = [source for source in new if not has_field(plan.fields.joined(source.extra), name)]
        if lacking:
            of = "" if len(lacking) == len(new) else f" of {lacking[0].name}"
            what, example = ("labels", "Cat,Dog") if name in plan.fields.label_fields else ("value", "VALUE")
            raise InvalidInput(
                f"the label config of project {plan.project_id} takes the {what} of {tag} from the task's data "
                f"({name}), which the import does not make{of}: give it with --data {name}={example}, or as a column "
                f"{name!r} of a list (.csv); nothing was made"
            )
