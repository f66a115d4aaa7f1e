"""Which rows of the project refer to a row: foreign keys of every kind, and generic relations.

Many-to-many relations are the foreign keys of their through tables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models, router

#: Our own rows are told about in our own words.
OWN = "wxauth"


@dataclass(frozen=True)
class Reference:
    """One column of one model that refers to rows of another model."""

    model: type[models.Model]
    #: The name of the field, for people and for unique constraints.
    name: str
    #: The column that holds the key, as an attribute.
    attname: str
    #: The attribute of the referred row that stands in the column.
    target: str
    #: Of a generic relation: the field that says which model the key belongs to.
    content_type: str = ""
    #: The row is the other half of the referred one (multi-table inheritance).
    is_part: bool = False

    @property
    def field(self) -> models.Field[Any, Any]:
        field: models.Field[Any, Any] = self.model._meta.get_field(self.name)  # type: ignore[assignment]
        return field

    @property
    def label(self) -> str:
        return self.model._meta.label_lower

    def value(self, row: models.Model) -> Any:
        """What stands in the column for this row."""
        return self.field.get_prep_value(getattr(row, self.target))

    def columns(self, row: models.Model, using: str) -> dict[str, Any]:
        """What stands in each column of whatever refers to this row, by the names of the fields.

        Raises ``TypeError`` or ``ValueError`` where nothing can: a generic column for other keys.
        """
        found = {self.name: self.value(row)}
        if self.content_type:
            found[self.content_type] = self._content_type(row, using).pk
        return found

    def rows(self, row: models.Model, using: str) -> models.QuerySet[Any]:
        """The rows that refer to this one, of whatever the project's own manager hides."""
        found = self.model._base_manager.using(using)
        try:
            return found.filter(**self.columns(row, using))
        except (TypeError, ValueError):
            return found.none()

    def _content_type(self, row: models.Model, using: str) -> Any:
        from django.contrib.contenttypes.models import ContentType

        return ContentType.objects.db_manager(using).get_for_model(type(row))


def find_references(model: type[models.Model], using: str) -> Iterator[Reference]:
    """Every column of the project's database that may refer to rows of this model.

    Without our own models, and without what the project keeps in another database.
    """
    for other in apps.get_models(include_auto_created=True):
        if other._meta.app_label == OWN or other._meta.proxy:
            continue
        if router.db_for_write(other) != using:
            continue
        yield from _foreign_keys(other, model)
        yield from _generic_keys(other)


def exist(row: models.Model, *, using: str, besides: Collection[str] = ()) -> bool:
    """Whether any row refers to this one, except those of the models named in ``besides``.

    ``besides`` holds labels such as ``"shop.Profile"``, in any case.
    """
    ignored = {label.lower() for label in besides}
    return any(
        reference.rows(row, using).exists()
        for reference in find_references(type(row), using)
        if reference.label not in ignored
    )


def _foreign_keys(other: type[models.Model], model: type[models.Model]) -> Iterator[Reference]:
    family = {model._meta.concrete_model, *model._meta.get_parent_list()}
    for field in other._meta.local_fields:
        if not isinstance(field, models.ForeignKey):
            continue
        is_part = bool(field.remote_field.parent_link)
        if field.remote_field.model._meta.concrete_model in family and not (
            is_part and other in family
        ):
            yield Reference(
                other,
                field.name,
                field.attname,
                field.target_field.attname,
                is_part=is_part,
            )


def _generic_keys(other: type[models.Model]) -> Iterator[Reference]:
    for field in other._meta.private_fields:
        # Not by isinstance: contenttypes need not be installed.
        content_type = getattr(field, "ct_field", None)
        key = getattr(field, "fk_field", None)
        if content_type is None or key is None:
            continue
        try:
            column: Any = other._meta.get_field(key)
            other._meta.get_field(content_type)
        except FieldDoesNotExist:
            continue
        if column.model is other:
            yield Reference(other, key, column.attname, "pk", content_type)
