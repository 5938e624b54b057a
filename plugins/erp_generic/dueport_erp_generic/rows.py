"""From files to fields: joins, filters and headers applied, one list of text per field.

Files and their joins are read once for a whole snapshot. What comes out is still text; the
builders next door judge it.
"""

import fnmatch
from collections.abc import Mapping as Lookup
from collections.abc import Sequence

import msgspec

from dueport_erp_generic import fields
from dueport_erp_generic.mapping import IdRule, Join, Mapping, Source, Where
from dueport_ports import Misconfigured, RowGrade, RowProblem, decimal_text
from dueport_ports.files import (
    Drop,
    Table,
    TableOptions,
    normalize_header,
    read_files,
    read_money_column,
    read_table,
)


class SourceRows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one file for one entity. A field without a column or value is not in it."""

    file: str
    source: Source
    fields: dict[str, Sequence[str]]
    whole: dict[str, Sequence[str]]
    """The same before any row was filtered out: what a column is, all of it says."""
    blank: Sequence[str]
    """What a field without a column says: nothing, row by row."""
    lines: Sequence[int]
    headers: dict[str, str]
    """Field to the header it came from, for reports."""
    problems: tuple[RowProblem, ...]
    key_fields: tuple[str, ...]
    """The fields that make up a row's natural key."""

    @property
    def size(self) -> int:
        return len(self.lines)

    def column(self, field: str) -> Sequence[str]:
        """Return a field's texts; blanks where the file has no such column."""
        return self.fields.get(field, self.blank)

    def problem(
        self, grade: RowGrade, row: int, reason: str, field: str = "", proposal: str = ""
    ) -> RowProblem:
        """Report one row, naming the column and the value that are wrong."""
        return RowProblem(
            grade=grade,
            source=self.file,
            line=self.lines[row],
            reason=reason,
            column=self.headers.get(field, field),
            value=self.fields[field][row] if field in self.fields else "",
            proposal=proposal,
            key=_joined([self.column(field)[row] for field in self.key_fields]),
        )


class Reader:
    """Reads the files of one drop, each once."""

    def __init__(self, drop: Drop, mapping: Mapping) -> None:
        self._drop = drop
        self._mapping = mapping
        self._contents: dict[str, bytes] = {}
        self._tables: dict[tuple[str, TableOptions], Table] = {}

    def rows(self, entity: str, source: Source) -> list[SourceRows]:
        """Return the rows of a source, one group for each file that it names."""
        return [
            self._source_rows(entity, source, name)
            for name in self._names(source.file, source.pick)
        ]

    def _source_rows(self, entity: str, source: Source, name: str) -> SourceRows:
        table = self._table(name, source.table or self._mapping.table)
        columns: dict[str, Sequence[str]] = {}
        for join in source.joins:
            self._join(table, columns, source, join)
        kept = _kept(table, columns, source.where)
        found, headers = _fields(entity, source, table, columns)
        whole = dict(found)
        for field, texts in found.items():
            if kept is not None:
                found[field] = [texts[row] for row in kept]
            if rule := source.ids.get(field):
                found[field] = _tidied(found[field], rule)
            if default := source.defaults.get(field):
                found[field] = [text or default for text in found[field]]
        size = table.rows if kept is None else len(kept)
        for field, value in source.values.items():
            found[field] = [value] * size
        return SourceRows(
            file=name,
            source=source,
            fields=found,
            whole=whole,
            blank=[""] * size,
            lines=table.lines if kept is None else [table.lines[row] for row in kept],
            headers=headers,
            problems=tuple(
                _with_key(problem, table, entity, source, headers) for problem in table.problems
            ),
            key_fields=fields.KEYS[entity],
        )

    def _names(self, pattern: str, pick: str) -> list[str]:
        wanted = pattern.casefold()
        names = [name for name in self._drop.paths if fnmatch.fnmatchcase(name.casefold(), wanted)]
        if not names:
            there = ", ".join(list(self._drop.paths)[:20]) or "nothing"
            raise Misconfigured(f"no file matches {pattern!r}; the folder holds {there}")
        if pick == "newest":
            names.sort(key=lambda name: (self._drop.paths[name].stat().st_mtime, name))
            names = names[-1:]
        return names

    def _table(self, name: str, options: TableOptions) -> Table:
        if (name, options) not in self._tables:
            if name not in self._contents:
                self._contents.update(read_files(self._drop, [name]))
            table = read_table(name, self._contents[name], options)
            self._check_count(table)
            self._tables[name, options] = table
        return self._tables[name, options]

    def _check_count(self, table: Table) -> None:
        if self._drop.manifest is None:
            return
        for told in self._drop.manifest.files:
            found = table.rows + len(table.problems)
            if told.name == table.source and told.rows != found:
                raise Misconfigured(
                    f"the manifest names {told.rows} rows for {told.name} and it holds {found}"
                )

    def _join(
        self, table: Table, columns: dict[str, Sequence[str]], source: Source, join: Join
    ) -> None:
        here = _tidied(_column(table, columns, join.on), join.ids)
        brought: dict[str, dict[str, str]] = {}
        for name in self._names(join.file, "all"):
            other = self._table(name, join.table or self._mapping.table)
            keys = _tidied(_column(other, {}, join.to or join.on), join.ids)
            rows = _kept(other, {}, join.where)
            for header in join.take:
                taken = brought.setdefault(header, {})
                texts = _column(other, {}, header)
                for row in range(other.rows) if rows is None else rows:
                    if taken.setdefault(keys[row], texts[row]) != texts[row]:
                        raise Misconfigured(
                            f"{name} line {other.lines[row]}: {keys[row]!r} occurs again with "
                            f"another {header!r}; a join needs one answer for each key"
                        )
            for header in join.add_up:
                sums = self._sums(other, keys, rows, header, source)
                brought.setdefault(header, {}).update(sums)
        for header, answers in brought.items():
            columns[normalize_header(header)] = [answers.get(key, "") for key in here]

    def _sums(
        self,
        other: Table,
        keys: Sequence[str],
        rows: Sequence[int] | None,
        header: str,
        source: Source,
    ) -> dict[str, str]:
        decimal = source.decimal or self._mapping.decimal
        money = read_money_column(_column(other, {}, header), decimal, source.extra_zeros)
        if money.refused:
            row, reason = next(iter(money.refused.items()))
            raise Misconfigured(f"{other.source} line {other.lines[row]}: {reason}")
        totals: dict[str, int] = {}
        for row in range(other.rows) if rows is None else rows:
            totals[keys[row]] = totals.get(keys[row], 0) + (money.cents[row] or 0)
        texts = {key: decimal_text(cents) for key, cents in totals.items()}
        return {key: text.replace(".", decimal) for key, text in texts.items()}


def _with_key(
    problem: RowProblem, table: Table, entity: str, source: Source, headers: Lookup[str, str]
) -> RowProblem:
    """Name a row of the wrong width by its key, as far as it can still be read."""
    found = [
        source.ids.get(field, IdRule()).apply(table.sure_cell(problem.line, headers[field]))
        if field in headers
        else source.values.get(field, "")
        for field in fields.KEYS[entity]
    ]
    return msgspec.structs.replace(problem, key=_joined(found))


def _joined(parts: Sequence[str]) -> str:
    """Return a natural key; nothing where a part of it is missing."""
    return "/".join(parts) if all(parts) else ""


def _tidied(texts: Sequence[str], rule: IdRule) -> Sequence[str]:
    return texts if rule == IdRule() else [rule.apply(text) for text in texts]


def _column(table: Table, columns: Lookup[str, Sequence[str]], header: str) -> Sequence[str]:
    joined = columns.get(normalize_header(header))
    found = table.column(header) if joined is None else joined
    if found is None:
        raise Misconfigured(
            f"{table.source} has no column {header!r}; it has {', '.join(table.headers)}"
        )
    return found


def _kept(
    table: Table, columns: Lookup[str, Sequence[str]], conditions: Sequence[Where]
) -> list[int] | None:
    """Return the rows that pass, or None where there is nothing to pass."""
    if not conditions:
        return None
    kept = list(range(table.rows))
    for condition in conditions:
        texts = _column(table, columns, condition.column)
        words = {word.casefold().strip() for word in condition.any_of or condition.none_of}
        wanted = bool(condition.any_of)
        passes = {text: (text.casefold() in words) is wanted for text in set(texts)}
        kept = [row for row in kept if passes[texts[row]]]
    return kept


def _fields(
    entity: str, source: Source, table: Table, joined: Lookup[str, Sequence[str]]
) -> tuple[dict[str, Sequence[str]], dict[str, str]]:
    """Find each field's column: as told, else by the shipped synonyms."""
    found: dict[str, Sequence[str]] = {}
    headers: dict[str, str] = {}
    for field, told in source.columns.items():
        choices = (told,) if isinstance(told, str) else told
        there = [header for header in choices if _has(table, joined, header)]
        header = there[0] if there else choices[0]
        found[field] = _column(table, joined, header)
        headers[field] = header
    taken = {normalize_header(header) for header in headers.values()}
    by_name = {normalize_header(header): header for header in (*joined, *table.headers)}
    for field, synonyms in fields.OF_ENTITY[entity].items():
        if field in found or field in source.values:
            continue
        for synonym in synonyms:
            if synonym in by_name and synonym not in taken:
                found[field] = _column(table, joined, by_name[synonym])
                headers[field] = by_name[synonym]
                taken.add(synonym)
                break
    for field in fields.REQUIRED[entity]:
        if field not in found and field not in source.values:
            raise Misconfigured(
                f"{table.source}: no column for {field} was found among "
                f"{', '.join(table.headers)}; name it under columns.{field}"
            )
    return found, headers


def _has(table: Table, joined: Lookup[str, Sequence[str]], header: str) -> bool:
    return normalize_header(header) in joined or bool(table.positions(header))
