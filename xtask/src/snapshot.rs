//! Snapshots of running servers, each proved by recovering it before it is called one.
//!
//! [`make`](mod@make) freezes both servers for a moment and copies their files; [`prove`] recovers
//! the copy on scratch servers; [`place`] is where whole snapshots are kept, and [`manifest`] what
//! they say of themselves; [`drill`] and [`restore`] bring one back.
//!
//! Architecture Invariant: a folder with a snapshot's name is a whole snapshot. It is written beside
//! its place and renamed when everything in it has been proved and is on the disk.

pub(crate) mod capture;
pub(crate) mod copy;
pub(crate) mod cover;
pub(crate) mod drill;
mod drilled;
pub(crate) mod fingerprint;
pub(crate) mod freeze;
pub(crate) mod make;
pub(crate) mod manifest;
pub(crate) mod now;
pub(crate) mod place;
pub(crate) mod prove;
pub(crate) mod restore;
pub(crate) mod retention;
pub(crate) mod scratch;
pub(crate) mod sequence;
pub(crate) mod servers;
pub(crate) mod space;
pub(crate) mod sums;
pub(crate) mod verify;
