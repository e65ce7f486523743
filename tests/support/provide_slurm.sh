#!/usr/bin/env bash
# Find SLURM and rsync for the tests of clusters, with and without a shared disk, or install Debian's packages; no daemon
# is started. Without them these tests are skipped and say so; ATTVIZ_REQUIRE_SLURM=1 makes that a failure.
set -u

packages=(slurmctld slurmd slurm-client munge rsync)
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)

found() {
    for program in slurmctld slurmd sbatch munged rsync; do
        PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || return 1
    done
}

install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null 2>&1
}

if ! found && command -v apt-get >/dev/null; then
    echo "No SLURM or no rsync found; trying to install it."
    install || { "${as_root[@]}" apt-get update -qq && install; }
fi
# SLURM addresses nodes by name, and in some containers the machine does not know its own.
name=$(hostname -s)
getent hosts "$name" >/dev/null || echo "127.0.0.1 $name" | "${as_root[@]}" tee -a /etc/hosts >/dev/null

found && exit 0
echo "SLURM or rsync could not be installed: install ${packages[*]} (names of Debian)."
[ "${ATTVIZ_REQUIRE_SLURM:-0}" != 1 ]
