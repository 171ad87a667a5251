//! How a step's status follows order messages.

use crate::StepStatus;

/// What becomes of a step that is told a status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Transition {
    /// It has this status now.
    To(StepStatus),
    /// It stays as it is, which agrees with what was said.
    Keep,
    /// It stays as it is although something else was said: what has ended is not reopened by itself.
    Ended,
    /// It cannot be: a person must look.
    Refuse,
}

/// The transition from `now` when a message says `told`; only the five statuses that order messages speak of are told.
pub(crate) fn follow(now: StepStatus, told: StepStatus) -> Transition {
    use StepStatus::{Canceled, Completed, Departed, Discontinued, Started};
    match (now, told) {
        (now, told) if now == told => Transition::Keep,
        // A cancellation that crosses with another end has nothing left to do.
        (Canceled | Discontinued | Completed, Canceled | Discontinued) => Transition::Keep,
        (Canceled | Discontinued | Completed, _) => Transition::Ended,
        // HL7 has `DC` for what has begun: images may exist.
        (Started | Departed, Canceled) => Transition::Refuse,
        (Departed, Started) => Transition::Keep,
        (_, told) => Transition::To(told),
    }
}

#[cfg(test)]
mod tests {
    use super::{Transition, follow};
    use crate::StepStatus;

    /// One row per status now; columns: told SCHEDULED, STARTED, CANCELED, DISCONTINUED, COMPLETED.
    const TABLE: [&str; 8] = [
        "SCHEDULED    - > > > >",
        "ARRIVED      > > > > >",
        "READY        > > > > >",
        "STARTED      > - R > >",
        "DEPARTED     > - R > >",
        "CANCELED     E E - - E",
        "DISCONTINUED E E - - E",
        "COMPLETED    E E - - -",
    ];

    #[test]
    fn every_cell_of_the_table() {
        use StepStatus::{Canceled, Completed, Discontinued, Scheduled, Started};
        for (now, row) in StepStatus::ALL.into_iter().zip(TABLE) {
            let mut cells = row.split_whitespace();
            assert_eq!(cells.next(), Some(now.as_dicom()));
            for told in [Scheduled, Started, Canceled, Discontinued, Completed] {
                let expected = match cells.next() {
                    Some(">") => Transition::To(told),
                    Some("-") => Transition::Keep,
                    Some("E") => Transition::Ended,
                    _ => Transition::Refuse,
                };
                assert_eq!(follow(now, told), expected, "{now:?} told {told:?}");
            }
        }
    }
}
