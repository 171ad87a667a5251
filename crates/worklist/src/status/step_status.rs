//! What has become of a scheduled procedure step.

use serde::{Deserialize, Serialize};

/// Scheduled Procedure Step Status (0040,0020): the defined terms of PS3.3 section C.4.10 and the three ends that
/// HL7 orders know.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub enum StepStatus {
    /// `SCHEDULED`
    #[default]
    Scheduled,
    /// `ARRIVED`: the patient is there.
    Arrived,
    /// `READY`: the patient is prepared.
    Ready,
    /// `STARTED`
    Started,
    /// `DEPARTED`: the patient has left.
    Departed,
    /// `CANCELED`: withdrawn before it started.
    Canceled,
    /// `DISCONTINUED`: given up after it started, or ordered to stop.
    Discontinued,
    /// `COMPLETED`
    Completed,
}

impl StepStatus {
    /// Every status, in the order of the type.
    pub const ALL: [Self; 8] = [
        Self::Scheduled,
        Self::Arrived,
        Self::Ready,
        Self::Started,
        Self::Departed,
        Self::Canceled,
        Self::Discontinued,
        Self::Completed,
    ];

    /// The term of (0040,0020).
    pub fn as_dicom(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Arrived => "ARRIVED",
            Self::Ready => "READY",
            Self::Started => "STARTED",
            Self::Departed => "DEPARTED",
            Self::Canceled => "CANCELED",
            Self::Discontinued => "DISCONTINUED",
            Self::Completed => "COMPLETED",
        }
    }

    /// Whether a worklist query sees the step without asking for its status: it is still to be done.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Scheduled | Self::Arrived | Self::Ready)
    }

    /// Whether the step has ended; an order message never leads back from here by itself.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Canceled | Self::Discontinued | Self::Completed)
    }
}
