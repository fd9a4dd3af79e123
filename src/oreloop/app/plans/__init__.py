"""The plan's own doors: networks from folders, plans written and verified, what-if questions, reasons and frontiers."""
