#!/usr/bin/env bash
# Find XeLaTeX and ctex for the test that compiles exported documents, or install Debian's packages: 0.5 GB on disk.
# Without them that test is skipped and says so; ATTVIZ_REQUIRE_LATEX=1 makes that a failure.
set -u

packages=(texlive-xetex texlive-lang-chinese)
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)

found() {
    command -v xelatex >/dev/null && kpsewhich ctex.sty >/dev/null
}

install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null 2>&1
}

if ! found && command -v apt-get >/dev/null; then
    echo "No XeLaTeX with ctex found; trying to install it."
    install || { "${as_root[@]}" apt-get update -qq && install; }
fi

found && exit 0
echo "No XeLaTeX could be installed: install ${packages[*]} (names of Debian)."
[ "${ATTVIZ_REQUIRE_LATEX:-0}" != 1 ]
