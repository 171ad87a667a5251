//! Modalities, and the codes that stand for one.

/// The DICOM modality for a code of HL7 table 0074 or a habit of the field; `None` when the code names a department
/// or is unknown. DICOM's own terms are their own translation.
pub(crate) fn modality(code: &str) -> Option<&'static str> {
    let upper = code.to_ascii_uppercase();
    if let Some(term) = MODALITIES.iter().find(|term| **term == upper) {
        return Some(term);
    }
    TRANSLATED_MODALITIES.iter().find(|(from, _)| *from == upper).map(|(_, to)| *to)
}

/// Acquisition modalities of PS3.3 section C.7.3.1.1.1.
const MODALITIES: [&str; 45] = [
    "AR", "BDUS", "BMD", "CR", "CT", "DX", "ECG", "EEG", "EMG", "EOG", "EPS", "ES", "GM", "HD",
    "IO", "IVOCT", "IVUS", "KER", "LEN", "LS", "MG", "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT",
    "OPV", "OSS", "OT", "PA", "POS", "PT", "PX", "RESP", "RF", "RG", "RTIMAGE", "SM", "SRF", "TG",
    "US", "VA", "XA",
];

/// HL7 2.5.1 table 0074 where it names one modality, and spellings that RISs send in its place. `RAD`, `RX`, `RT` and
/// other departments are left out on purpose: they name no modality.
const TRANSLATED_MODALITIES: [(&str, &str); 12] = [
    ("CTH", "XA"),
    ("CUS", "US"),
    ("EC", "ECG"),
    ("MAM", "MG"),
    ("MRI", "MR"),
    ("NMR", "MR"),
    ("NMS", "NM"),
    ("OUS", "US"),
    ("PET", "PT"),
    ("RUS", "US"),
    ("VUS", "US"),
    ("XRC", "XA"),
];

#[cfg(test)]
mod tests {
    use super::modality;

    #[test]
    fn departments_are_no_modalities() {
        assert_eq!(
            ["CT", "mr", "NMR", "RUS"].map(modality),
            [Some("CT"), Some("MR"), Some("MR"), Some("US")]
        );
        assert_eq!(["RAD", "RX", "", "LAB"].map(modality), [None; 4]);
    }
}
