//! Passing over elements costs no memory, however many and however long they are.

use allocation_counter::measure;
use telerad_dicom::{Encoding, HeadLimits, HeadScanner, Scan, tags};

/// How often and how much a scan allocates over this many other elements before the one of the head.
fn scan(encoding: Encoding, elements: usize, nested: bool) -> (u64, u64) {
    let plain: &[u8] = match encoding {
        Encoding::ExplicitLittle => b"\x09\x00\x01\x10LO\x04\x00ABCD",
        _ => b"\x09\x00\x01\x10\x04\x00\x00\x00ABCD",
    };
    let header: &[u8] = match encoding {
        Encoding::ExplicitLittle => b"\x08\x00\x40\x11SQ\0\0\xFF\xFF\xFF\xFF",
        _ => b"\x08\x00\x40\x11\xFF\xFF\xFF\xFF",
    };
    let mut data_set = Vec::new();
    if nested {
        data_set.extend_from_slice(header);
        for _ in 0..elements {
            data_set.extend_from_slice(b"\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF");
            data_set.extend_from_slice(plain);
            data_set.extend_from_slice(b"\xFE\xFF\x0D\xE0\0\0\0\0");
        }
        data_set.extend_from_slice(b"\xFE\xFF\xDD\xE0\0\0\0\0");
    } else {
        data_set.extend(plain.repeat(elements));
    }
    data_set.extend_from_slice(match encoding {
        Encoding::ExplicitLittle => b"\x10\x00\x20\x00LO\x02\x00P9",
        _ => b"\x10\x00\x20\x00\x02\x00\x00\x00P9",
    });
    let counted = measure(|| {
        let mut scanner = HeadScanner::new(encoding, HeadLimits::default());
        for piece in data_set.chunks(1000) {
            assert_eq!(scanner.push(piece), Scan::NeedMore);
        }
        let head = scanner.finish().expect("a whole data set");
        assert_eq!(head.raw(tags::PATIENT_ID), Some(&b"P9"[..]));
    });
    (counted.count_total, counted.bytes_total)
}

#[test]
fn no_element_allocates() {
    for encoding in [Encoding::ExplicitLittle, Encoding::ImplicitLittle] {
        for nested in [false, true] {
            // The data dictionary is built once, at its first use.
            scan(encoding, 1, nested);
            let few = scan(encoding, 10, nested);
            assert_eq!(few, scan(encoding, 10_000, nested), "{encoding:?}, nested: {nested}");
            assert!(few.0 <= 4, "{few:?}");
        }
    }
}

#[test]
fn a_declared_length_allocates_nothing() {
    let counted = measure(|| {
        let mut scanner = HeadScanner::new(Encoding::ExplicitLittle, HeadLimits::default());
        // (0008,0008) of 100 KB and (0010,0020) of 4 GiB, of which nothing arrives.
        scanner.push(b"\x08\x00\x08\x00UT\0\0\xA0\x86\x01\x00");
        drop(scanner);
        let mut scanner = HeadScanner::new(Encoding::ExplicitLittle, HeadLimits::default());
        scanner.push(b"\x10\x00\x20\x00UT\0\0\xFE\xFF\xFF\xFF");
    });
    assert!(counted.bytes_total < 1024, "{counted:?}");
}
