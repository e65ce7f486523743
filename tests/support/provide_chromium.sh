#!/usr/bin/env bash
# Find a Chromium for the browser tests, or install one: Playwright's own build, else Debian's package.
# Without any, the tests that need it are skipped and say so; ATTVIZ_REQUIRE_BROWSER=1 makes that a failure.
set -u

for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
[ -n "${ATTVIZ_CHROMIUM:-}" ] && exit 0

echo "No Chromium found; trying to install one."
if timeout 300 python -m playwright install chromium >/dev/null 2>&1; then
    exit 0
fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 \
        || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1; }
    command -v chromium >/dev/null && exit 0
fi
echo "No Chromium could be installed: install one (Debian: apt install chromium) or set ATTVIZ_CHROMIUM to its path."
[ "${ATTVIZ_REQUIRE_BROWSER:-0}" != 1 ]
