"""Words, tables, plots and shell commands, for the command line and the screens alike."""
