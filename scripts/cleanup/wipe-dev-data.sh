#!/bin/sh
# cargo xtask wipe-dev: deletes all development data, after asking for the phrase DELETE DEV DATA.
exec cargo run --quiet --manifest-path "$(dirname "$0")/../../Cargo.toml" --package xtask -- wipe-dev "$@"
