#!/usr/bin/env bash
# Find a Chromium for the browser tests, or install one: Debian's package, else Playwright's own build.
# The headless shell comes first: it is the same engine without the windows of a desktop, and takes a quarter of the CPU.
# Without any, the tests that need it are skipped and say so; ATTVIZ_REQUIRE_BROWSER=1 makes that a failure.
set -u

install_package() {
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1 \
        || { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1; }
}

[ -n "${ATTVIZ_CHROMIUM:-}" ] && exit 0
command -v chromium-headless-shell >/dev/null && exit 0
install_package chromium-headless-shell && exit 0
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done

echo "No Chromium found; trying to install one."
timeout 300 python -m playwright install chromium >/dev/null 2>&1 && exit 0
install_package chromium && exit 0
echo "No Chromium could be installed: install one (Debian: apt install chromium) or set ATTVIZ_CHROMIUM to its path."
[ "${ATTVIZ_REQUIRE_BROWSER:-0}" != 1 ]
