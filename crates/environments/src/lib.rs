//! The environments of TTA, defined once.
//!
//! Every name, port, volume, label, database and protection level that the rest of the workspace
//! uses comes from here, and so does every rendered file.
//!
//! Architecture Invariant: this crate is pure. It starts no process, reads no clock, no variable
//! and no file, and writes none; the same definitions always give the same names and the same
//! bytes.

mod environment;
mod expendable;
pub mod images;
mod neo4j_label;
mod protection;
mod redis_key;
pub mod render;
mod vacant;

pub use environment::{
    Credential, Deployment, Environment, Instance, InvalidInstance, PublishedPorts, Service,
    UnknownEnvironment, UnknownNamespace, Volume, label,
};
pub use expendable::{Changeable, Evidence, Expendable};
pub use neo4j_label::{LabelError, Neo4jLabelHelper};
pub use protection::{
    Dev, Disposable, DisposableEnvironment, Prod, Protected, ProtectedEnvironment, Protection,
    Staging, Test,
};
pub use redis_key::{KeyError, ParsedKey, RedisKeyPrefixer};
pub use vacant::{Holding, Vacant};
