#!/bin/sh
# cargo xtask reset-test: empties the test environment, schema included. Never asks.
exec cargo run --quiet --manifest-path "$(dirname "$0")/../../Cargo.toml" --package xtask -- reset-test "$@"
