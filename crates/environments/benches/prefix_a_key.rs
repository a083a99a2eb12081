//! Ten million keys given their prefix, as an application does it that was built to be used.
//!
//! Prints how many bytes were made. Who times it is `cargo xtask bench prefix-a-key`.

#![expect(clippy::print_stdout, reason = "it is a program, and this its answer")]

use std::hint::black_box;

use environments::{Environment, RedisKeyPrefixer};

fn main() {
    let prefixer = RedisKeyPrefixer::new(Environment::Dev);
    let mut bytes = 0;
    for _ in 0..10_000_000 {
        let made = prefixer.make(black_box("user:123"));
        bytes += black_box(made).map_or(0, |key| key.len());
    }
    println!("{bytes}");
}
