//! Bytes from a peer reach dicom-rs's data set readers only behind the guard of `telerad_dicom::dataset`: they recurse
//! without limit and allocate by a declared length.

use super::Finding;
use super::source::{Source, words};

/// The packages that read data sets.
const READERS: [&str; 2] = ["dicom_object", "dicom_parser"];
/// The one place that may call them, after its own walk over the bytes.
const GUARDED: &str = "crates/dicom/src/dataset";

/// Looks for the readers in production code.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("crates/")) {
        if source.path.starts_with(GUARDED) {
            continue;
        }
        for reader in READERS {
            for at in words(&source.production, reader) {
                let text = format!("{reader} outside the guard of telerad_dicom::dataset");
                findings.push(Finding::new(source.place(at), text));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;

    #[track_caller]
    fn check_text(path: &str, text: &str, expected: usize) {
        assert_eq!(super::check(&[Source::new(path, text)]).len(), expected, "{path}");
    }

    #[test]
    fn only_the_guard_reads_data_sets() {
        let text = "use dicom_object::InMemDicomObject;";
        check_text("crates/dicom/src/dataset/write.rs", text, 0);
        check_text("crates/dicom/src/head.rs", text, 1);
        check_text("crates/gateway/src/intake.rs", "fn f() { dicom_parser::g() }", 1);
        check_text(
            "crates/dicom/src/head.rs",
            "#[cfg(test)]\nmod tests { use dicom_object::A; }",
            0,
        );
    }
}
