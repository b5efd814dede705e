# Which packages of Debian and Ubuntu the build and the tests need, and how they get installed.
# Read by the other scripts; does nothing by itself.

# Headers of the C libraries that Packhouse links.
BUILD_PACKAGES=(git libarchive-dev libpcre2-dev libpq-dev libssl-dev libsqlite3-dev zlib1g-dev pkg-config)
# What the tests start: a database, clients, a server to compare with.
TEST_PACKAGES=(
    postgresql curl openssl python3 nginx-light
    skopeo umoci podman buildah runc crun uidmap busybox-static docker.io iptables containerd
    docker-registry
)

# Ends with words when there is no Swift that can build the package.
require_swift() {
    if ! command -v swift >/dev/null; then
        echo "Packhouse needs a Swift 6.3 toolchain: https://www.swift.org/install/linux/" >&2
        exit 1
    fi
}

# Installs those of the named packages that are missing; asks for nothing when none is.
install_missing() {
    if ! command -v dpkg-query >/dev/null; then
        echo "This is neither Debian nor Ubuntu; the equivalents of these are needed: $*" >&2
        return 0
    fi
    local name missing=() status
    for name in "$@"; do
        status=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null || true)
        [[ $status == installed ]] || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    echo "Installing ${missing[*]}" >&2
    local as_root=()
    if ((EUID != 0)); then as_root=(sudo); fi
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}
