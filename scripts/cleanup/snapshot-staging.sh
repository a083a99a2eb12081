#!/bin/sh
# cargo xtask snapshot-staging: saves staging while it runs, and proves the copy by recovering it.
exec cargo run --quiet --manifest-path "$(dirname "$0")/../../Cargo.toml" --package xtask -- snapshot-staging "$@"
