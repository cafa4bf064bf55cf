"""TensorFlow, imported late: it takes seconds, and few kinds of files need it."""

listener = None  # in the process that reads, a function that is told; see reader.py


def import_tensorflow():
    """Return TensorFlow. Whoever waits for this process is told, and waits longer."""
    tell("starting")
    import tensorflow  # noqa: PLC0415  late is what this module is for

    tell("started")
    return tensorflow


def tell(message):
    if listener is not None:
        listener(message)
