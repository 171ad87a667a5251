//! File names for instances.

use telerad_core::Uid;

/// The name of the file that holds an instance: its SOP instance UID and `.dcm`.
///
/// A [`Uid`] holds digits and single dots between them, so the name has no separator, no `..`, no drive and no
/// reserved word, and cannot leave the folder it is joined to.
pub fn of(sop_instance_uid: &Uid) -> String {
    format!("{sop_instance_uid}.dcm")
}

#[cfg(test)]
mod tests {
    use telerad_core::Uid;

    #[test]
    fn the_name_is_one_plain_component() {
        let name = super::of(&Uid::new("1.2.840.99.1\0").unwrap());
        assert_eq!(name, "1.2.840.99.1.dcm");
        assert_eq!(std::path::Path::new(&name).components().count(), 1);
    }

    #[test]
    fn what_could_leave_the_folder_is_no_uid() {
        for path in [
            "../x",
            "..",
            ".",
            "",
            "/etc/passwd",
            "C:1.2",
            "1.2/../../3",
            "1.2\\3",
            "nul",
            "CON",
            "1.2:x",
            "1.2\0/../3",
            "1.2.",
            ".1.2",
            "１.2",
        ] {
            assert!(Uid::new(path).is_err(), "{path}");
        }
        assert!(Uid::new(&"1".repeat(65)).is_err());
    }
}
