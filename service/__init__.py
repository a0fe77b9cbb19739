"""The process: settings, wiring, start and stop; the only place that knows every other."""
