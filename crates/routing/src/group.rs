//! Groups of destinations that stand in for each other.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use telerad_core::{SiteId, Timestamp};

use crate::{DestinationId, InvalidDestinationId};

/// The name of a group, in the same namespace as [`DestinationId`], so that a rule names either.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct GroupId(DestinationId);

impl GroupId {
    /// Checks length and repertoire, as for a destination.
    ///
    /// # Errors
    /// [`InvalidDestinationId`] when the text is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, InvalidDestinationId> {
        DestinationId::new(text).map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Display for GroupId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq<DestinationId> for GroupId {
    fn eq(&self, other: &DestinationId) -> bool {
        self.0 == *other
    }
}

/// Destinations of which one gets a study, and the next one when that fails for long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DestinationGroup {
    /// The name that rules use.
    pub id: GroupId,
    /// The members, first choice first; at least two.
    pub members: Vec<DestinationId>,
    /// How long a member must have been down before its studies move on.
    pub failover_after: Duration,
}

/// The member of a group that one study goes to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct GroupChoice {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: DestinationId,
    /// A rule names the member for itself too: the study stays there when the group moves on.
    #[serde(default)]
    pub direct: bool,
}

/// The member of a group that a patient's last study went to: the next one goes there too, to the same readers and
/// beside its priors.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct StickyMember {
    /// The site whose patient it is.
    pub site: SiteId,
    /// The group.
    pub group: GroupId,
    /// (0010,0020) of the patient.
    pub patient: String,
    /// The member.
    pub member: DestinationId,
    /// When it was chosen.
    pub at: Timestamp,
}

impl std::fmt::Debug for StickyMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StickyMember")
            .field("site", &self.site)
            .field("group", &self.group)
            .field("patient", &"<redacted>")
            .field("member", &self.member)
            .field("at", &self.at)
            .finish()
    }
}
