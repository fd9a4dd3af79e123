"""A plan against several futures on a page: the verdict, the headline tiles, and the cost of each future as bars."""

from __future__ import annotations

from collections.abc import Mapping

from oreloop.report.chart import PALETTE, QUIET, Spec, axis, faint, layout, plain
from oreloop.report.decide import Line, Tile
from oreloop.report.metal import cut
from oreloop.report.plan_figures import TEN_MILLION
from oreloop.report.plan_shown import PlanShown
from oreloop.report.wording import ABSENT, THIN, Words, number

FUTURES = 24
"""Futures that are drawn, the most probable ones; the table behind the figure holds everything."""
LETTERS = 34
"""Letters of a future's name beside its bars."""
ROW_PX = 46
_BARS = (("plain_cost", faint(QUIET, 0.75)), ("cost", PALETTE[0]))
"""Columns that are drawn, the lower bar first."""


def verdict(shown: PlanShown, words: Words, gap: str) -> tuple[str, ...]:
    """Say what the futures change of the orders, what that is worth, and that it is proved but for a gap, as written."""
    staged = words.view["staged"]
    changed = staged["change"].drop_nulls().len()
    said = [words.own("weighed.changed" if changed else "weighed.same", count=changed, of=staged.height)]
    vss = shown.weighed["vss"]
    if vss is None:
        said.append(words.own("weighed.endless", count=words.view["futures"]["plain_cost"].null_count()))
    elif vss > 0:
        said.append(words.own("weighed.worth", worth=words.money(vss)))
    if gap:
        said.append(words.own("weighed.proved", gap=gap))
    return tuple(said)


def tiles(total: Mapping[str, float | None], words: Words) -> tuple[Tile, ...]:
    """Give the headline tiles: expected cost and the tail beside those of the plain plan, and what both kinds of knowing are worth."""

    def tile(name: str, *lines: Line) -> Tile:
        value, _, unit = words.money(total[name]).rpartition(THIN) if total[name] is not None else (ABSENT, "", "")
        return Tile(words.own(f"weighed.{name}"), value, unit, words.own(f"weighed.{name}_note"), lines, "")

    def beside(name: str) -> Line:
        return Line(words.own("weighed.plain"), words.money(total[name]))

    return (
        tile("expected", beside("plain_expected")),
        tile("cvar", beside("plain_cvar")),
        tile("vss"),
        tile("evpi"),
    )


def costs(words: Words) -> Spec | None:
    """Draw what each future costs with the orders weighed against all, beside those of the plan without futures."""
    frame = words.view["futures"].sort("probability", descending=True, maintain_order=True).head(FUTURES).reverse()
    if frame.is_empty():
        return None
    labels = [
        f"{plain(cut(words.word(name, 'future'), LETTERS))}  <b>{words.share(chance)}</b>"
        for name, chance in frame.select("future", "probability").iter_rows()
    ]
    keys = [plain(name) for name in frame["future"]]
    known = [each for column, _ in _BARS for each in frame[column].drop_nulls()]
    millions = max(map(abs, known)) >= TEN_MILLION
    unit, currency = 1e6 if millions else 1.0, words.view.facts.currency
    said = f"%{{fullData.name}}<br><b>%{{customdata}}{THIN}{currency}</b><extra>%{{y}}</extra>"
    data = [
        {
            "type": "bar", "orientation": "h", "y": keys, "name": words.own(f"weighed.bar_{column}"),
            "x": [None if each is None else round(each / unit, 6) for each in frame[column]],
            "customdata": [number(each, 0) for each in frame[column]],
            "marker": {"color": colour}, "hovertemplate": said,
        }
        for column, colour in _BARS
    ]  # fmt: skip
    y = axis(type="category", categoryorder="array", categoryarray=keys, showgrid=False)
    y |= {"tickvals": keys, "ticktext": labels}
    title = words.own("axis.cost_millions" if millions else "axis.cost", currency=currency)
    x = axis(title, range=[min(0.0, *known) / unit, max(0.0, *known) * 1.04 / unit], nticks=7)
    plot = layout(110 + ROW_PX * frame.height, xaxis=x, yaxis=y, barmode="group", bargap=0.3, showlegend=True)
    plot["legend"] |= {"traceorder": "reversed"}
    return {"data": data, "layout": plot}
