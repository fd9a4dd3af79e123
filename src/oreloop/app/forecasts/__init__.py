"""The forecast as a command: a table is read, forecast or backtested, told, written and read again."""
