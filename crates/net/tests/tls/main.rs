//! TLS between our own ends, over pairs in memory and on paused time.
#![cfg(feature = "tls-ring")]
#![expect(clippy::disallowed_methods, reason = "certificates are files")]

mod authority;
mod conversation;
mod faults;
mod files;
mod pair;
mod probes;
mod revocation;
