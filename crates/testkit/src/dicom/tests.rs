use super::{Instance, Syntax, file, files};

#[test]
fn every_shipped_file_has_a_preamble_and_its_identifiers() {
    for sample in files() {
        assert_eq!(sample.bytes.get(128..132), Some(&b"DICM"[..]), "{}", sample.name);
        // In a deflated file only the file meta information is readable; it carries the instance UID too.
        for uid in [sample.transfer_syntax_uid, sample.sop_class_uid] {
            let found = sample.bytes.windows(uid.len()).any(|window| window == uid.as_bytes());
            assert!(found, "{}: {uid}", sample.name);
        }
    }
}

#[test]
fn the_files_cover_what_the_interop_run_needs() {
    let files = files();
    let has = |modality: &str, syntax: &str| {
        files.iter().any(|f| f.modality == modality && f.transfer_syntax_uid == syntax)
    };
    for (modality, syntax) in [
        ("CT", "1.2.840.10008.1.2.1"),
        ("MR", "1.2.840.10008.1.2"),
        ("MR", "1.2.840.10008.1.2.2"),
        ("MR", "1.2.840.10008.1.2.5"),
        ("MR", "1.2.840.10008.1.2.4.80"),
        ("MR", "1.2.840.10008.1.2.4.90"),
        ("CR", "1.2.840.10008.1.2.4.91"),
        ("US", "1.2.840.10008.1.2.4.50"),
        ("NM", "1.2.840.10008.1.2.4.70"),
        ("OT", "1.2.840.10008.1.2.1.99"),
        ("SR", "1.2.840.10008.1.2.1"),
    ] {
        assert!(has(modality, syntax), "{modality} {syntax}");
    }
    assert!(file("ct_explicit.dcm").is_some() && file("nothing.dcm").is_none());
}

#[test]
fn the_shipped_files_stay_small() {
    let total: usize = files().iter().map(|sample| sample.bytes.len()).sum();
    assert!(total < 4 << 20, "{total} bytes");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_other_pixels() {
    let one = Instance::new(1);
    assert_eq!(one.file(), Instance::new(1).file());
    let other = Instance { seed: 2, ..one.clone() };
    assert_ne!(one.data_set(), other.data_set());
    assert_eq!(one.head().0, other.head().0);
}

#[test]
fn the_pixel_values_have_the_size_of_the_image() {
    for syntax in [Syntax::ImplicitLittle, Syntax::ExplicitLittle, Syntax::ExplicitBig] {
        let instance = Instance { syntax, rows: 8, columns: 4, frames: 3, ..Instance::new(5) };
        let (head, pixels) = instance.head();
        assert_eq!(pixels, 8 * 4 * 3 * 2);
        assert_eq!(instance.data_set().len() as u64, head.len() as u64 + pixels);
    }
}

#[test]
fn the_document_of_a_pdf_has_a_valid_cross_reference() {
    let document = Instance::encapsulated_pdf(1).document.unwrap();
    for (object, offset) in [("1 0 obj", 9), ("2 0 obj", 52), ("3 0 obj", 101), ("xref", 162)] {
        assert!(document[offset..].starts_with(object.as_bytes()), "{object}");
    }
}
