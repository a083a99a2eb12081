#!/bin/sh
# cargo xtask snapshot-staging: that command is still to come, so this ends as a usage error (2).
exec cargo run --quiet --manifest-path "$(dirname "$0")/../../Cargo.toml" --package xtask -- snapshot-staging "$@"
