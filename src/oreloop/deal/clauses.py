"""From the tables of a contract file to its clauses: every term by its rule, all problems collected, with their lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from oreloop.base.errors import BadInput, OreloopError, Place, Problem, problem
from oreloop.base.ids import is_id
from oreloop.base.money import MINOR_DIGITS
from oreloop.base.quantity import MG_PER_UNIT, decimal
from oreloop.deal.assay import SHARE_UNITS, Limit, share
from oreloop.deal.charges import reading
from oreloop.deal.charges.toll import Return, Toll
from oreloop.deal.conditions import ACCEPTED, read_condition
from oreloop.deal.exchange.clause import read_exchange, read_weights
from oreloop.deal.prepayment.clause import read_prepayment
from oreloop.deal.remedies import ANY_KIND, read_arbitration, read_default, read_rejection
from oreloop.deal.terms import (
    Basis,
    Capacity,
    Carbon,
    Clauses,
    Deposit,
    Fixed,
    Index,
    Late,
    Lease,
    Payment,
    Price,
    Quality,
    Tax,
    Window,
)

_T = TypeVar("_T")
_BASES: dict[str, Basis] = {"contained": "contained", "gross": "gross", "dry": "dry"}
_TABLE = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_.]+)\s*\]\]?")


@dataclass(slots=True, kw_only=True)
class Terms:
    """One table being read. A wrong term leaves a problem and a value that is never used.

    Args:
        values: what TOML holds.
        path: name of the table, e.g. ``price`` or ``quality.limits[0]``.
        file: name of the file, for messages.
        text: the file, to find lines.
        problems: shared by all tables of the file.
    """

    values: Mapping[str, Any]
    path: str
    file: str
    text: str
    problems: list[Problem]
    _read: set[str] = field(default_factory=set)

    def refuse(self, code: str, key: str, /, **fields: object) -> None:
        """Note a problem of a term."""
        self.problems.append(problem(code, self._place(key), **fields))

    def has(self, key: str) -> bool:
        """Tell whether a term is written."""
        return key in self.values

    def words(self, key: str, choices: Iterable[str] = ()) -> str:
        """Read text; one of ``choices`` if there are any."""
        value = self._take(key)
        allowed = tuple(choices)
        if value is None:
            return ""
        if not isinstance(value, str) or not value.strip():
            self.refuse("deal.not_text", key, got=value)
            return ""
        if allowed and value not in allowed:
            self.refuse("deal.not_a_choice", key, got=value, expected=", ".join(allowed))
        return value.strip()

    def name(self, key: str) -> str:
        """Read an id."""
        value = self.words(key)
        if value and not is_id(value):
            self.refuse("deal.not_an_id", key, got=value)
        return value

    def number(self, key: str, *, least: int | None = 0, most: int | None = None) -> Fraction:
        """Read an exact decimal, written as text or as a whole number."""
        value = self._take(key)
        if value is None:
            return Fraction(0)
        if isinstance(value, bool) or not isinstance(value, str | int):
            self.refuse("deal.not_exact", key, got=value)
            return Fraction(0)
        try:
            read = Fraction(decimal(str(value)))
        except BadInput as error:
            self.copy(key, error)
            return Fraction(0)
        if (least is not None and read < least) or (most is not None and read > most):
            self.refuse("deal.out_of_range", key, got=value, least=least, most="∞" if most is None else most)
        return read

    def share(self, key: str) -> Fraction:
        """Read a share from 0 to 1."""
        return self.number(key, most=1)

    def whole(self, key: str, *, least: int = 0) -> int:
        """Read a whole number, such as days."""
        value = self._take(key)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.refuse("deal.not_whole", key, got=value, least=least)
            return 0
        return value

    def day(self, key: str) -> date:
        """Read a date, TOML's own or as text."""
        value = self._take(key)
        try:
            return value if type(value) is date else date.fromisoformat(str(value))
        except ValueError:
            if value is not None:
                self.refuse("deal.not_a_day", key, got=value)
            return date.min

    def price_unit(self, key: str, currency: str) -> tuple[str, Fraction]:
        """Read ``CNY/kg``: as written, and milligrams in the mass unit. The currency must be the contract's."""
        written = self.words(key)
        money, _, mass = written.partition("/")
        if written and (money not in MINOR_DIGITS or mass not in MG_PER_UNIT):
            self.refuse("deal.not_a_price_unit", key, got=written, expected=", ".join(MG_PER_UNIT))
        elif written and currency and money != currency:
            self.refuse("deal.unlike_currency", key, got=money, expected=currency)
        return written, Fraction(MG_PER_UNIT.get(mass, 1))

    def flag(self, key: str) -> bool:
        """Read true or false."""
        value = self._take(key)
        if value is not None and not isinstance(value, bool):
            self.refuse("deal.not_a_choice", key, got=value, expected="true, false")
        return value is True

    def any_value(self, key: str) -> Any:
        """Give a term as TOML holds it, for a rule that takes several shapes."""
        return self._take(key)

    def rows(self, key: str) -> list[Terms]:
        """Read a list of tables, at least one."""
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
            self.refuse("deal.not_rows", key, got=value)
            return []
        return [self._inner(f"{key}[{position}]", row) for position, row in enumerate(value)]

    def table(self, key: str) -> Terms | None:
        """Read a table, or None when it is absent."""
        value = self.values.get(key)
        self._read.add(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse("deal.not_a_table", key, got=value)
            return None
        return self._inner(key, value)

    def copy(self, key: str, error: OreloopError) -> None:
        """Take over problems found elsewhere, at the place of a term."""
        place = self._place(key)
        self.problems.extend(problem(each.code, place, **each.fields) for each in error.problems)

    def done(self) -> None:
        """Refuse the terms that no rule has read: a term that does nothing is a misunderstanding."""
        for key in sorted(set(self.values) - self._read - {"open"}):
            self.refuse("deal.unknown_term", key, got=key, expected=", ".join(sorted(self._read)))

    def _take(self, key: str) -> Any:
        self._read.add(key)
        value = self.values.get(key)
        if value is None:
            self.refuse("deal.missing_term", key, got=self._name(key))
        return value

    def _inner(self, key: str, values: Mapping[str, Any]) -> Terms:
        return Terms(values=values, path=self._name(key), file=self.file, text=self.text, problems=self.problems)

    def _name(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _place(self, key: str) -> Place:
        return Place(file=self.file, line=self._line(key), column=self._name(key))

    def _line(self, key: str) -> int | None:
        """Find the line of a term, else of its table; None when the file has neither."""
        table, found = "", None
        outer = self.path.split("[")[0]
        for number, line in enumerate(self.text.splitlines(), 1):
            if opened := _TABLE.match(line):
                table = opened[1]
                found = number if table == outer else found
            elif table == outer and re.match(rf"\s*{re.escape(key)}\s*=", line):
                return number
        return found


def read(terms: Terms, kind: str, fit: tuple[frozenset[str], frozenset[str]], currency: str) -> Clauses:
    """Read all clauses of a contract file.

    Args:
        terms: the whole file.
        kind: kind of the contract, for messages.
        fit: the clauses that this kind needs, and those that it may have.
        currency: currency of the contract.
    """
    needed, allowed = fit

    def clause(name: str, reader: Callable[[Terms], _T]) -> _T | None:
        table = terms.table(name)
        if table is None:
            if name in needed:
                terms.refuse("deal.missing_clause", name, got=name, kind=kind)
            return None
        if fit != (frozenset(), frozenset()) and name not in needed | allowed | ANY_KIND:
            terms.refuse("deal.clause_misplaced", name, got=name, kind=kind)
        value = reader(table)
        table.done()
        return value

    def listed(name: str, reader: Callable[[Terms], _T]) -> tuple[_T, ...]:
        if name not in needed and not terms.has(name):
            return ()
        if fit != (frozenset(), frozenset()) and name not in needed | allowed:
            terms.refuse("deal.clause_misplaced", name, got=name, kind=kind)
        values = []
        for table in terms.rows(name):
            values.append(reader(table))
            table.done()
        return tuple(values)

    price = clause("price", lambda table: _price(table, currency))
    indexed = price is not None and isinstance(price.rule, Index)
    nothing = Payment(days=0, provisional_share=Fraction(0), provisional_days=0, provisional_price=None)
    empty = Terms(values={}, path="delivery", file=terms.file, text=terms.text, problems=[])
    paid = clause("payment", lambda table: _payment(table, indexed)) or nothing
    payables = listed("payables", lambda row: reading.payable(row, currency, provisional=paid.provisional_share > 0))
    penalties = listed("penalties", lambda row: reading.penalty(row, currency))
    quotation = clause("quotation", reading.quotation)
    treatment = clause("treatment", lambda table: reading.treatment(table, currency))
    toll = clause("toll", lambda table: _toll(table, currency, provisional=paid.provisional_share > 0))
    reading.agree(terms, kind, (*payables, *(toll.returns if toll else ())), penalties, quotation, treatment)
    return Clauses(
        price=price,
        delivery=clause("delivery", _window) or _window(empty),
        payment=paid,
        deposit=clause("deposit", _deposit),
        capacity=clause("capacity", lambda table: Capacity(due_days=table.whole("due_days"))),
        late=clause("late", _late),
        quality=clause("quality", _quality),
        carbon=clause("carbon", _carbon),
        toll=toll,
        lease=clause("lease", _lease),
        weights=clause("weights", read_weights),
        exchange=clause("exchange", read_exchange),
        default=clause("default", lambda table: read_default(table, deposit=terms.has("deposit"))),
        dispute=clause("dispute", read_arbitration),
        rejection=clause("rejection", read_rejection),
        payables=payables,
        quotation=quotation,
        treatment=treatment,
        penalties=penalties,
        recycled=clause("recycled", reading.recycled),
        take_or_pay=clause("take_or_pay", lambda table: reading.take_or_pay(table, currency)),
        interest=clause("interest", reading.interest),
        discount=clause("discount", reading.discount),
        prepayment=clause("prepayment", read_prepayment),
        tax=clause("tax", _tax),
    )


def _price(table: Terms, currency: str) -> Price:
    rule: Fixed | Index
    if table.words("kind", ("fixed", "index")) == "index":
        series, month, following = table.words("series"), table.whole("month", least=-12), reading.following(table)
        rule = Index(
            series=series,
            month=month,
            premium=following.premium,
            floor=following.floor,
            cap=following.cap,
            fixed_by=table.name("fixed_by"),
            base=following.base,
            pass_share=following.pass_share,
        )
    else:
        rule = Fixed(price=table.number("price"))
    unit, mg_per_unit = table.price_unit("unit", currency)
    return Price(
        rule=rule,
        unit=unit,
        mg_per_unit=mg_per_unit,
        basis=_BASES.get(table.words("basis", _BASES), "contained"),
        payable_share=table.share("payable_share"),
        tax=_tax(table),
    )


def _tax(table: Terms) -> Tax:
    return Tax(included=table.words("tax", ("excluded", "included")) == "included", rate=table.share("tax_rate"))


def _window(table: Terms) -> Window:
    partial = table.flag("partial") if table.has("partial") else True
    window = Window(first=table.day("from"), last=table.day("to"), partial=partial)
    if window.first > window.last:
        table.refuse("deal.window_reversed", "to", got=window.last, first=window.first)
    return window


def _payment(table: Terms, indexed: bool) -> Payment:
    provisional = table.share("provisional_share")
    needed = indexed and provisional > 0
    return Payment(
        days=table.whole("days"),
        provisional_share=provisional,
        provisional_days=table.whole("provisional_days"),
        provisional_price=table.number("provisional_price") if needed else None,
        when=read_condition(table, "when") if table.has("when") else ACCEPTED,
    )


def _deposit(table: Terms) -> Deposit:
    by_amount = table.has("amount")
    return Deposit(
        share=None if by_amount else table.share("share"),
        amount=table.number("amount") if by_amount else None,
        due_days=table.whole("due_days"),
    )


def _late(table: Terms) -> Late:
    return Late(share_per_day=table.share("share_per_day"), cap_share=table.share("cap_share"))


def _quality(table: Terms) -> Quality:
    downgraded = table.words("action", ("reject", "downgrade")) == "downgrade"
    contested = table.has("referee") or table.has("claim_days")
    return Quality(
        minimum_purity=table.share("minimum_purity"),
        method=table.words("method"),
        limits=tuple(_limit(row) for row in table.rows("limits")),
        deduction_share=table.share("deduction_share") if downgraded else None,
        referee=table.name("referee") if contested else None,
        claim_days=table.whole("claim_days") if contested else 0,
    )


def _limit(row: Terms) -> Limit:
    analyte, value, unit = row.words("analyte"), row.words("limit"), row.words("unit", SHARE_UNITS)
    row.done()
    try:
        return Limit(analyte=analyte, share=share(value, unit) if value and unit in SHARE_UNITS else Decimal(0))
    except BadInput as error:
        row.copy("limit", error)
        return Limit(analyte=analyte, share=Decimal(0))


def _carbon(table: Terms) -> Carbon:
    return Carbon(
        target_kg_per_kg=table.number("target_kg_per_kg"),
        bonus_per_kg=table.number("bonus_per_kg"),
        malus_per_kg=table.number("malus_per_kg"),
        cap_share=table.share("cap_share"),
    )


def _toll(table: Terms, currency: str, *, provisional: bool) -> Toll:
    _, mg_per_unit = table.price_unit("unit", currency)
    return Toll(
        treatment=table.number("treatment"),
        mg_per_unit=mg_per_unit,
        basis=_BASES.get(table.words("basis", ("gross", "dry")), "dry"),
        tax=_tax(table),
        outturn_days=table.whole("outturn_days"),
        return_site=table.name("return_site"),
        returns=tuple(_return(row, currency, provisional=provisional) for row in table.rows("returns")),
    )


def _return(row: Terms, currency: str, *, provisional: bool) -> Return:
    in_cash = row.words("settled_in", ("metal", "cash")) == "cash"
    # Metal in cash has a fixed price unless it says that it follows a series.
    indexed = in_cash and row.has("kind") and row.words("kind", ("fixed", "index")) == "index"
    fixed = Fixed(price=row.number("price")) if in_cash and not indexed else None
    unit, mg_per_unit = row.price_unit("unit", currency) if in_cash else ("", Fraction(1))
    value = Return(
        element=row.words("element"),
        share=row.share("returned_share"),
        rule=reading.quoted(row, provisional=provisional) if indexed else fixed,
        unit=unit,
        mg_per_unit=mg_per_unit,
        deduction=reading.deduction(row),
        refining=reading.refining(row, currency),
    )
    row.done()
    return value


def _lease(table: Terms) -> Lease:
    lease = Lease(
        rate_per_year=table.share("rate_per_year"),
        overdue_rate_per_year=table.share("overdue_rate_per_year"),
        day_count=table.whole("day_count", least=360),
        term_days=table.whole("term_days", least=1),
        return_site=table.name("return_site"),
    )
    if lease.day_count not in (0, 360, 365):
        table.refuse("deal.not_a_choice", "day_count", got=lease.day_count, expected="360, 365")
    return lease
