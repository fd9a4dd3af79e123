"""The plain way in: three tables that people keep in spreadsheets, turned into the events of the record.

::

    events = parse_tables({"record/batches.csv": data})
    to_events({"record/batches.csv": data})          # the same as EPCIS 2.0, JSON lines
    told = from_events(events)                       # and back: told.files(), told.untold

The received tables are the truth and are kept; the events are derived from them, the same ones each time.
"""

from oreloop.record.tables.derive import Line, lines, parse_tables, sound_lines, to_events
from oreloop.record.tables.export import Told, from_events
from oreloop.record.tables.reference import record_tables_page
from oreloop.record.tables.rows import is_table
from oreloop.record.tables.shape import TABLES
from oreloop.record.tables.template import record_template
from oreloop.record.tables.untold import Untold

__all__ = [
    "TABLES",
    "Line",
    "Told",
    "Untold",
    "from_events",
    "is_table",
    "lines",
    "parse_tables",
    "record_tables_page",
    "record_template",
    "sound_lines",
    "to_events",
]
