//! Who is talking to us.

use telerad_core::AeTitle;

use crate::Remote;

/// Who is talking to us, on which association.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AssociationContext {
    /// A number for logs, unique among the associations of one process.
    pub association_id: u64,
    /// The title that the peer calls itself.
    pub calling: AeTitle,
    /// The title that the peer called.
    pub called: AeTitle,
    /// Where the peer connects from, and who it has proved to be.
    pub remote: Remote,
}
