//! Worklist items that somebody else made; origin and licence are in `testdata/worklists/README.md`.

/// The ten items that DCMTK ships, as Part 10 files, by name.
pub const DCMTK: [(&str, &[u8]); 10] = [
    ("wklist1.wl", include_bytes!("../testdata/worklists/wklist1.wl")),
    ("wklist2.wl", include_bytes!("../testdata/worklists/wklist2.wl")),
    ("wklist3.wl", include_bytes!("../testdata/worklists/wklist3.wl")),
    ("wklist4.wl", include_bytes!("../testdata/worklists/wklist4.wl")),
    ("wklist5.wl", include_bytes!("../testdata/worklists/wklist5.wl")),
    ("wklist6.wl", include_bytes!("../testdata/worklists/wklist6.wl")),
    ("wklist7.wl", include_bytes!("../testdata/worklists/wklist7.wl")),
    ("wklist8.wl", include_bytes!("../testdata/worklists/wklist8.wl")),
    ("wklist9.wl", include_bytes!("../testdata/worklists/wklist9.wl")),
    ("wklist10.wl", include_bytes!("../testdata/worklists/wklist10.wl")),
];
