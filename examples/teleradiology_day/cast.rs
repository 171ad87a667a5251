//! Who appears in the day. Synthetic patients only.

/// One patient with one order.
pub(crate) struct Case {
    pub(crate) mrn: &'static str,
    pub(crate) family: &'static str,
    pub(crate) given: &'static str,
    pub(crate) birth_date: &'static str,
    pub(crate) sex: &'static str,
    pub(crate) accession: String,
    pub(crate) modality: &'static str,
    pub(crate) code: String,
    pub(crate) procedure: &'static str,
    pub(crate) study_instance_uid: String,
    /// Names of sample images, one for each slice that the modality makes.
    pub(crate) images: &'static [&'static str],
}

type Row = (&'static str, [&'static str; 4], &'static str, &'static str, &'static [&'static str]);

/// Patients of the centre, each with an order for today.
pub(crate) fn cases() -> Vec<Case> {
    const ROWS: &[Row] = &[
        ("MRN1001", ["Lindqvist", "Astrid", "19581103", "F"], "CT", "CT of the chest", CT),
        ("MRN1002", ["Haddad", "Youssef", "19790621", "M"], "MR", "MR of the knee", MR),
        ("MRN1003", ["Sørensen", "Maja", "20010214", "F"], "US", "Ultrasound of the abdomen", US),
        ("MRN1004", ["Nakamura", "Ken", "19660930", "M"], "CR", "Chest radiograph", CR),
    ];
    ROWS.iter().zip(1001..).map(|(row, number)| case(row, number)).collect()
}

fn case(row: &Row, number: u32) -> Case {
    let (mrn, [family, given, birth_date, sex], modality, procedure, images) = *row;
    Case {
        mrn,
        family,
        given,
        birth_date,
        sex,
        accession: format!("A{number}"),
        modality,
        code: format!("{modality}{number}"),
        procedure,
        study_instance_uid: format!("1.2.826.0.1.3680043.10.1561.{number}"),
        images,
    }
}

impl Case {
    /// Whose order is taken back.
    pub(crate) fn cancelled() -> Self {
        let person = ["Okoye", "Ngozi", "19830307", "F"];
        case(&("MRN1005", person, "NM", "Bone scintigraphy", &[]), 1005)
    }

    /// Who was registered in a hurry.
    pub(crate) fn temporary() -> Self {
        let person = ["Varga", "Ilona", "19491224", "F"];
        case(&("TMP1006", person, "XA", "Angiography", &[]), 1006)
    }

    /// The same person as the centre has known her for years.
    pub(crate) fn known() -> Self {
        Self { mrn: "MRN1006", ..Self::temporary() }
    }

    /// Whose images come before the order.
    pub(crate) fn late() -> Self {
        let person = ["Walk", "In", "", ""];
        let study_instance_uid = UNORDERED_STUDY.to_owned();
        let case = case(&("EMERGENCY-7", person, "CT", "CT of the head", &[]), 1007);
        Self { study_instance_uid, ..case }
    }
}

/// The study that nobody had ordered when it came.
pub(crate) const UNORDERED_STUDY: &str = "1.2.826.0.1.3680043.10.1561.9999";

const CT: &[&str] = &["ct_explicit.dcm", "ct_explicit.dcm", "ct_explicit.dcm"];
const MR: &[&str] = &[
    "mr_explicit.dcm",
    "mr_implicit.dcm",
    "mr_big_endian.dcm",
    "mr_rle.dcm",
    "mr_jpeg_ls_lossless.dcm",
    "mr_jpeg_2000_lossless.dcm",
];
const US: &[&str] =
    &["us_explicit.dcm", "us_big_endian.dcm", "us_multiframe_jpeg.dcm", "us_multiframe_rle.dcm"];
const CR: &[&str] = &["cr_jpeg_2000.dcm", "sc_jpeg_baseline.dcm", "ot_deflated.dcm"];
