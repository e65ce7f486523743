"""`python -m attviz_pipeline`."""

import sys

from attviz_pipeline.cli import main

sys.exit(main())
