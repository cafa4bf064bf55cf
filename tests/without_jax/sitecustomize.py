"""Python runs this file when it starts: JAX is installed for those that need it alone.

TensorFlow imports it if it can, which takes a tenth of its start.
"""

import sys

sys.modules["jax"] = None
