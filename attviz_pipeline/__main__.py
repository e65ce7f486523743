"""`python -m attviz_pipeline`."""

import sys

from attviz_pipeline.environment import missing_module

try:
    from attviz_pipeline.cli import main
except ModuleNotFoundError as missing:
    fault = missing_module(missing)
    print(f"ERROR: {fault}", file=sys.stderr)  # noqa: T201
    sys.exit(fault.exit_code)

sys.exit(main())
