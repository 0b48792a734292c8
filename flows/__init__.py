"""When, in what order and with which settings: Prefect flows and the command line."""
