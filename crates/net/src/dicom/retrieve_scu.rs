//! What the answers to C-MOVE and C-GET have in common for the side that asked.

use telerad_dicom::dataset::{DataSet, DataSetLimits};
use telerad_dicom::{Status, tags};
use telerad_dimse::SubOperations;

/// How a C-MOVE or C-GET ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RetrieveOutcome {
    /// The final status (PS3.4 tables C.4-2 and C.4-3).
    pub status: Status,
    /// The counts of the final response.
    pub sub_operations: SubOperations,
    /// The SOP instances that the peer names as failed; it may leave some or all out.
    pub failed: Vec<String>,
}

impl RetrieveOutcome {
    pub(super) fn read(
        status: Status,
        sub_operations: SubOperations,
        identifier: Option<&[u8]>,
        transfer_syntax_uid: &str,
        limits: DataSetLimits,
    ) -> Self {
        // The outcome counts even when its list cannot be read.
        let list = identifier
            .and_then(|bytes| DataSet::decode(bytes, transfer_syntax_uid, limits).ok())
            .and_then(|identifier| identifier.text(tags::FAILED_SOP_INSTANCE_UID_LIST))
            .unwrap_or_default();
        let uids = list.split('\\').map(|uid| uid.trim_matches(['\0', ' ']));
        let failed = uids.filter(|uid| !uid.is_empty()).map(str::to_owned).collect();
        Self { status, sub_operations, failed }
    }
}
