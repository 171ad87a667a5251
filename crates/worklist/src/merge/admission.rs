//! Accounts and visits that are merged, moved or given another number.

use telerad_core::{EntityIdentifier, PatientId};

use super::World;
use crate::finding::{FindingCode, Findings};
use crate::stop::Stop;

impl World<'_> {
    /// Open orders of this patient with the old admission get the new one (A35, A41, A42, A44, A45, A49, A50). Whose they
    /// are does not change.
    pub(super) fn change_admission(
        &mut self,
        patient: &PatientId,
        from: &EntityIdentifier,
        to: &EntityIdentifier,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        let patient = self.known_as(patient, "PID-3", findings)?;
        let Some(patient) = self.not_merged(patient, findings)? else { return Ok(()) };
        let mut changed = 0;
        for key in self.orders_of(&patient)? {
            let Some(record) = self.orders.get_mut(&key).filter(|record| record.is_open()) else {
                continue;
            };
            if record.admission_id.as_ref().is_some_and(|kept| is_admission(kept, from)) {
                record.admission_id = Some(to.clone());
                changed += 1;
            }
        }
        if changed == 0 {
            let text = "no open order has the account or visit that ends";
            findings.add(FindingCode::Ignored, "MRG", text);
        }
        Ok(())
    }
}

/// Whether both number one admission of one patient: a number that names no authority is compared by its value.
pub(crate) fn is_admission(kept: &EntityIdentifier, said: &EntityIdentifier) -> bool {
    let issuers = match (kept.issuer(), said.issuer()) {
        (Some(kept), Some(said)) => kept == said || kept.agrees_with(said),
        _ => true,
    };
    kept.value() == said.value() && issuers
}
