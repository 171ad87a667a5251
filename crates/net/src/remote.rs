//! Who is at the other end of a stream.

use std::fmt;
use std::sync::Arc;

use crate::identity::PeerIdentity;

/// The other end of a stream: where it is, and who it has proved to be.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Remote {
    /// Where it connects from, as the listener tells it: `192.0.2.7:40123`.
    pub address: String,
    /// The certificate that it holds the key of; `None` without TLS, and with TLS when it showed none.
    pub identity: Option<Arc<PeerIdentity>>,
}

impl Remote {
    /// A peer that has proved nothing.
    pub fn at(address: impl Into<String>) -> Self {
        Self { address: address.into(), identity: None }
    }

    /// The same with what its certificate says.
    #[must_use]
    pub fn identified(self, identity: Option<PeerIdentity>) -> Self {
        Self { identity: identity.map(Arc::new), ..self }
    }
}

/// A peer that has proved nothing, at this address.
impl From<&str> for Remote {
    fn from(address: &str) -> Self {
        Self::at(address)
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(identity) => write!(f, "{} ({identity})", self.address),
            None => f.write_str(&self.address),
        }
    }
}
