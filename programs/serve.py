"""A server of a folder's files, for browsers of this computer: lesson 15."""

import functools
import http.server
import os
import sys


class _PageServer(http.server.ThreadingHTTPServer):
    # On Windows, True would let a second server take the same port, silently.
    allow_reuse_address = os.name == "posix"


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass  # a line for each request would bury what the lesson prints


def page_server(folder, port):
    """Return a server of a folder's files, for browsers of this computer only.

    Args:
        folder: the folder; it may come into being later.
        port: the port of 127.0.0.1.

    Returns:
        http.server.ThreadingHTTPServer: it has the port; `serve_forever` starts it.

    Raises:
        SystemExit: the port is taken, or must not be used.
    """
    handler = functools.partial(_QuietHandler, directory=folder)
    try:
        return _PageServer(("127.0.0.1", port), handler)
    except OSError as error:
        sys.exit(
            f"Port {port} cannot be used: {error.strerror}. "
            "Choose another one: --serve 8001"
        )
