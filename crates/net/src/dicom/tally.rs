//! Counting the sub-operations of a retrieval, so that the counts always add up (PS3.4 sections C.4.2 and C.4.3).

use telerad_dicom::dataset::{DataSet, DataSetError};
use telerad_dicom::{Status, StatusClass, tags, uids};
use telerad_dimse::SubOperations;

/// The sub-operations of one C-MOVE or C-GET.
///
/// `completed + failed + warning + remaining` is the total at any time: each sub-operation leaves the remaining ones
/// exactly once, and what is lost with its association has failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Tally {
    remaining: u16,
    completed: u16,
    failed: u16,
    warning: u16,
    failed_uids: Vec<String>,
}

impl Tally {
    /// `None` when there are more than the 16-bit counts can say.
    pub(super) fn new(total: usize) -> Option<Self> {
        let remaining = u16::try_from(total).ok()?;
        Some(Self { remaining, completed: 0, failed: 0, warning: 0, failed_uids: Vec::new() })
    }

    /// A sub-operation was answered.
    pub(super) fn answered(&mut self, status: Status, sop_instance_uid: &str) {
        let Some(remaining) = self.remaining.checked_sub(1) else { return };
        match status.class() {
            StatusClass::Success => self.completed += 1,
            StatusClass::Warning => self.warning += 1,
            StatusClass::Cancel | StatusClass::Failure | StatusClass::Pending => {
                return self.failed(sop_instance_uid);
            }
        }
        self.remaining = remaining;
    }

    /// A sub-operation was not answered, or could not be begun.
    pub(super) fn failed(&mut self, sop_instance_uid: &str) {
        let Some(remaining) = self.remaining.checked_sub(1) else { return };
        self.remaining = remaining;
        self.failed += 1;
        self.failed_uids.push(sop_instance_uid.to_owned());
    }

    /// Whether every sub-operation has come to an end.
    pub(super) fn is_complete(&self) -> bool {
        self.remaining == 0
    }

    /// The counts of a pending response.
    pub(super) fn progress(&self) -> SubOperations {
        SubOperations { remaining: Some(self.remaining), ..self.outcome() }
    }

    /// The final status. What remains is what a cancellation has left undone.
    pub(super) fn status(&self) -> Status {
        if self.remaining > 0 {
            Status::CANCEL
        } else if self.failed > 0 && self.completed == 0 && self.warning == 0 {
            Status::UNABLE_TO_PERFORM_SUB_OPERATIONS
        } else if self.failed > 0 || self.warning > 0 {
            Status::SUB_OPERATIONS_FAILED
        } else {
            Status::SUCCESS
        }
    }

    /// The counts of the final response, which names the remaining ones only after a cancellation.
    pub(super) fn outcome(&self) -> SubOperations {
        SubOperations {
            remaining: (self.remaining > 0).then_some(self.remaining),
            completed: self.completed,
            failed: self.failed,
            warning: self.warning,
        }
    }

    /// The Failed SOP Instance UID List of the final response; `None` when nothing failed.
    ///
    /// A value of UI has a 16-bit length in explicit VR (PS3.5 section 7.1.2), so a longer list cannot be said there and
    /// is cut after a whole UID. In implicit VR it goes on as far as identifiers are usually taken. The counts are never
    /// cut.
    pub(super) fn failed_list(
        &self,
        transfer_syntax_uid: &str,
    ) -> Option<Result<Vec<u8>, DataSetError>> {
        let bytes_max = match transfer_syntax_uid {
            uids::IMPLICIT_VR_LITTLE_ENDIAN => IMPLICIT_LIST_BYTES_MAX,
            _ => EXPLICIT_LIST_BYTES_MAX,
        };
        let mut list = String::new();
        for uid in &self.failed_uids {
            if list.len() + 1 + uid.len() > bytes_max {
                break;
            }
            if !list.is_empty() {
                list.push('\\');
            }
            list.push_str(uid);
        }
        if list.is_empty() {
            return None;
        }
        let mut identifier = DataSet::new();
        identifier.set_text(tags::FAILED_SOP_INSTANCE_UID_LIST, &list);
        Some(identifier.encode(transfer_syntax_uid))
    }
}

/// The longest even value with a 16-bit length (PS3.5 section 7.1.2).
const EXPLICIT_LIST_BYTES_MAX: usize = 65_534;
/// The length itself could say 4 GB; but receivers bound an identifier, we and some others at 1 MiB.
const IMPLICIT_LIST_BYTES_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use telerad_dicom::dataset::{DataSet, DataSetLimits};
    use telerad_dicom::{Status, tags, uids};

    use super::Tally;

    /// `S`uccess, `W`arning, `F`ailure, `L`ost; what is left out remains.
    #[track_caller]
    fn check(total: usize, outcomes: &str, status: u16, failed: usize) {
        let mut tally = Tally::new(total).unwrap();
        for (number, outcome) in outcomes.chars().enumerate() {
            let uid = format!("1.2.{number}");
            match outcome {
                'S' => tally.answered(Status::SUCCESS, &uid),
                'W' => tally.answered(Status::COERCION_OF_DATA_ELEMENTS, &uid),
                'F' => tally.answered(Status::OUT_OF_RESOURCES, &uid),
                _ => tally.failed(&uid),
            }
            let counts = tally.progress();
            let ended = counts.completed + counts.failed + counts.warning;
            assert_eq!(usize::from(ended + counts.remaining.unwrap()), total, "{outcomes}");
        }
        assert_eq!(tally.status(), Status::new(status), "{outcomes}");
        assert_eq!(tally.failed_uids.len(), failed, "{outcomes}");
        assert_eq!(tally.outcome().remaining.is_some(), status == 0xFE00, "{outcomes}");
    }

    #[test]
    fn final_statuses_follow_the_table() {
        check(0, "", 0x0000, 0);
        check(3, "SSS", 0x0000, 0);
        check(3, "SFS", 0xB000, 1);
        check(3, "SWS", 0xB000, 0);
        check(3, "FFW", 0xB000, 2);
        check(3, "FLF", 0xA702, 3);
        check(1, "L", 0xA702, 1);
        check(3, "SF", 0xFE00, 1);
        check(3, "", 0xFE00, 0);
    }

    #[test]
    fn counts_add_up_whatever_happens() {
        for script in 0..4_usize.pow(5) {
            let outcomes: String =
                (0..5).map(|at| b"SWFL"[script / 4_usize.pow(at) % 4] as char).collect();
            let count = |wanted: &str| outcomes.chars().filter(|c| wanted.contains(*c)).count();
            let status = match (count("S"), count("W"), count("FL")) {
                (_, 0, 0) => 0x0000,
                (0, 0, _) => 0xA702,
                _ => 0xB000,
            };
            check(5, &outcomes, status, count("FL"));
        }
    }

    /// How many UIDs of 2,000 failed instances are named, whole and in order.
    #[track_caller]
    fn check_list(syntax: &str, named: usize) {
        let uid = |number| format!("1.2.840.99999.{number:050}");
        let mut tally = Tally::new(2000).unwrap();
        for number in 0..2000 {
            tally.failed(&uid(number));
        }
        assert_eq!(tally.outcome().failed, 2000);
        let encoded = tally.failed_list(syntax).unwrap().unwrap();
        let list = DataSet::decode(&encoded, syntax, DataSetLimits::default()).unwrap();
        let list = list.text(tags::FAILED_SOP_INSTANCE_UID_LIST).unwrap();
        let expected: Vec<String> = (0..named).map(uid).collect();
        assert_eq!(list.split('\\').collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_list_is_cut_only_where_no_element_can_hold_it() {
        check_list(uids::EXPLICIT_VR_LITTLE_ENDIAN, 65_535 / 65);
        check_list(uids::EXPLICIT_VR_BIG_ENDIAN, 65_535 / 65);
        check_list(uids::IMPLICIT_VR_LITTLE_ENDIAN, 2000);
    }

    #[test]
    fn more_than_the_counts_can_say_is_no_tally() {
        assert!(Tally::new(65_535).is_some());
        assert!(Tally::new(65_536).is_none());
    }
}
