use std::fmt::Write;

use super::*;

const VERSIONS: [Version; 2] = [Version::V2_5_1, Version::V2_3_1];

/// Every row of every table, written out the same way.
fn rows() -> Vec<String> {
    let mut rows = Vec::new();
    for segment in segments() {
        rows.push(format!("{} {}", segment.id, segment.name));
        for field in &segment.fields {
            let mut row = format!("{}-{} {}", segment.id, field.number, field.name);
            for version in VERSIONS {
                match field.rule(version) {
                    Some(FieldRule { datatype, usage, repetitions_max, length }) => {
                        write!(row, "|{datatype} {usage:?} {repetitions_max:?} {length:?}")
                            .unwrap();
                    }
                    None => row.push_str("|-"),
                }
            }
            let ihe = VERSIONS.map(|version| field.ihe_usage(version));
            write!(row, "|{}|{ihe:?}", field.table.unwrap_or("")).unwrap();
            rows.push(row);
        }
    }
    for datatype in datatypes() {
        rows.push(format!("{} {}", datatype.id, datatype.name));
        for version in VERSIONS {
            for (index, component) in datatype.components(version).iter().enumerate() {
                let ComponentTable { name, datatype: kind, usage, table } = component;
                let table = table.unwrap_or("");
                let number = index + 1;
                rows.push(format!(
                    "{}.{number} {version} {name}|{kind} {usage:?} {table}",
                    datatype.id
                ));
            }
        }
    }
    for table in code_tables() {
        rows.push(format!("{} {}", table.number, table.name));
        for code in &table.codes {
            let marks = VERSIONS.map(|version| code.is_in(version));
            rows.push(format!("{} {} {}|{marks:?}", table.number, code.code, code.meaning));
        }
    }
    for version in VERSIONS {
        for structure in structures(version) {
            rows.push(format!("{version} {} {}", structure.id, written(&structure.items)));
        }
    }
    for Event { version, code, event, structure } in &TABLES.events {
        rows.push(format!("{version} {code} {event} {structure}"));
    }
    rows
}

/// A structure written from what was read of it, in the notation of the standard.
fn written(items: &[Item]) -> String {
    let parts: Vec<String> = items
        .iter()
        .map(|item| {
            let (inner, is_optional, is_repeating) = match item {
                Item::Segment { ids, is_optional, is_repeating } => {
                    let ids = match &ids[..] {
                        [id] => (*id).to_owned(),
                        ids => format!("< {} >", ids.join(" | ")),
                    };
                    (ids, is_optional, is_repeating)
                }
                Item::Group { name, is_optional, is_repeating, items } => {
                    (format!("<{name}>( {} )", written(items)), is_optional, is_repeating)
                }
            };
            let inner = if *is_repeating { format!("{{{inner}}}") } else { inner };
            if *is_optional { format!("[{inner}]") } else { inner }
        })
        .collect();
    parts.join(" ")
}

/// FNV-1a, which is enough to see that a row changed.
fn checksum(rows: &[String]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for byte in rows.iter().flat_map(|row| row.bytes().chain([b'\n'])) {
        sum = (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    sum
}

#[test]
fn the_tables_are_the_ones_that_were_compared_with_the_reference() {
    let fields = segments().iter().map(|segment| segment.fields.len()).sum::<usize>();
    let codes = code_tables().iter().map(|table| table.codes.len()).sum::<usize>();
    assert_eq!((segments().len(), fields), (38, 599));
    assert_eq!(datatypes().len(), 49);
    assert_eq!((code_tables().len(), codes), (46, 949));
    let structures = VERSIONS.map(|version| structures(version).count());
    assert_eq!(structures, [37, 24]);
    let rows = rows();
    assert_eq!((rows.len(), checksum(&rows)), (2471, 0x57a5_9276_d89b_92e7));
}

#[test]
fn every_line_of_the_text_is_read() {
    let texts = [
        (include_str!("segments.txt"), 38 + 599),
        (include_str!("codes.txt"), 46 + 949),
        (include_str!("messages.txt"), 37 + 24 + 63),
    ];
    for (text, expected) in texts {
        let lines = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(lines, expected);
    }
    assert_eq!(TABLES.events.len(), 188);
}

#[test]
fn fields_are_numbered_without_gaps() {
    for segment in segments() {
        for (index, field) in segment.fields.iter().enumerate() {
            assert_eq!(usize::from(field.number), index + 1, "{}", segment.id);
        }
    }
}

#[test]
fn what_a_structure_reads_is_what_it_says() {
    for structure in VERSIONS.into_iter().flat_map(structures) {
        assert_eq!(written(&structure.items), structure.grammar, "{}", structure.id);
    }
}

#[test]
fn every_type_and_table_that_is_named_and_composite_exists() {
    // CM_OSD is what 2.3.1 called OSD; TN, GTS and the rest are primitive.
    let primitive = [
        "ST", "TX", "FT", "ID", "IS", "NM", "SI", "DT", "TM", "DTM", "GTS", "TN", "varies",
        "CM_OSD", "PLN", "PI",
    ];
    for segment in segments() {
        for rule in segment.fields.iter().flat_map(|f| VERSIONS.map(|v| f.rule(v))).flatten() {
            let known = datatype(rule.datatype).is_some() || primitive.contains(&rule.datatype);
            assert!(known, "{} {}", segment.id, rule.datatype);
        }
    }
    for composite in datatypes() {
        for component in VERSIONS.into_iter().flat_map(|version| composite.components(version)) {
            let kind = component.datatype;
            assert!(datatype(kind).is_some() || primitive.contains(&kind), "{kind}");
        }
    }
}

#[track_caller]
fn check_field(segment: &str, number: usize, version: Version, expected: Option<(&str, Usage)>) {
    let field = super::segment(segment).unwrap().field(number).unwrap();
    let rule = field.rule(version).map(|rule| (rule.datatype, rule.usage));
    assert_eq!(rule, expected, "{segment}-{number} {version}");
}

#[test]
fn versions_differ_where_the_standard_does() {
    check_field("PID", 3, Version::V2_5_1, Some(("CX", Usage::Required)));
    check_field("PID", 33, Version::V2_3_1, None);
    check_field("PID", 33, Version::V2_5_1, Some(("TS", Usage::Optional)));
    check_field("ORC", 7, Version::V2_3_1, Some(("TQ", Usage::Optional)));
    check_field("ORC", 7, Version::V2_5_1, Some(("TQ", Usage::Backward)));
    check_field("ERR", 1, Version::V2_3_1, Some(("ELD", Usage::Required)));
    check_field("IPC", 1, Version::V2_3_1, None);
    check_field("IPC", 3, Version::V2_5_1, Some(("EI", Usage::Required)));
    check_field("OBX", 5, Version::V2_3_1, Some(("varies", Usage::Conditional)));
    check_field("ZDS", 1, Version::V2_3_1, Some(("RP", Usage::Required)));
    assert_eq!(segment("OBX").map(|obx| obx.field_count(Version::V2_3_1)), Some(17));
    assert_eq!(segment("OBX").map(|obx| obx.field_count(Version::V2_5_1)), Some(25));
    assert!(segment("TQ1").is_some_and(|timing| timing.field_count(Version::V2_3_1) == 0));
    let copies = segment("OBR").and_then(|obr| obr.field(28)).unwrap();
    assert_eq!(copies.rule(Version::V2_3_1).unwrap().repetitions_max, Some(5));
    assert_eq!(copies.rule(Version::V2_5_1).unwrap().repetitions_max, None);
    let accession = segment("OBR").and_then(|obr| obr.field(27)).unwrap();
    assert_eq!(accession.ihe_usage(Version::V2_3_1), Some(Usage::Required));
    assert_eq!(accession.ihe_usage(Version::V2_5_1), Some(Usage::NotSupported));
    let components = |version| datatype("CX").map(|cx| cx.components(version).len());
    assert_eq!(VERSIONS.map(components), [Some(10), Some(6)]);
}

#[test]
fn codes_are_known_in_both_versions_and_by_pattern() {
    let known = |table: &str, code: &str| codes(table).is_some_and(|table| table.contains(code));
    assert!(known("0001", "F") && known("0001", "A") && !known("0001", "f"));
    assert!(known("0485", "TM30") && !known("0485", "TM") && !known("0485", "TMx"));
    assert!(known("0203", "NNFRA") && !known("0203", "NNfr"));
    assert!(known("0301", "M") && !known("0301", "K"));
    assert!(known("0211", "8859/15"));
    assert!(known("0191", "Application"));
    let ambiguous = codes("0001").and_then(|table| table.find("A")).unwrap();
    assert_eq!(VERSIONS.map(|version| ambiguous.is_in(version)), [true, false]);
}

#[test]
fn an_event_has_one_structure() {
    #[track_caller]
    fn check(version: Version, code: &str, event: &str, expected: Option<&str>) {
        assert_eq!(structure_of(version, code, event).map(|structure| structure.id), expected);
    }
    check(Version::V2_5_1, "ADT", "A04", Some("ADT_A01"));
    check(Version::V2_5_1, "ADT", "A31", Some("ADT_A05"));
    check(Version::V2_3_1, "ADT", "A31", Some("ADT_A01"));
    check(Version::V2_3_1, "ADT", "A40", Some("ADT_A39"));
    check(Version::V2_3_1, "OMI", "O23", Some("OMI_O23"));
    check(Version::V2_5_1, "ACK", "R01", Some("ACK"));
    check(Version::V2_5_1, "SIU", "S26", Some("SIU_S12"));
    check(Version::V2_5_1, "ADT", "A99", None);
}

#[test]
fn only_what_must_be_there_is_missed() {
    #[track_caller]
    fn check(structure: &str, present: &[&str], expected: &[&str]) {
        let structure = super::structure(Version::V2_5_1, structure).unwrap();
        assert_eq!(structure.missing(present), expected);
    }
    check("ORM_O01", &["MSH", "ORC"], &[]);
    check("ORM_O01", &["MSH", "PID"], &["ORC"]);
    check("OMI_O23", &["MSH", "PID", "ORC", "OBR"], &["IPC"]);
    check("ORU_R01", &["MSH", "OBR"], &[]);
    check("ORU_R01", &["MSH", "PID", "ORC"], &["OBR"]);
    check("ADT_A39", &["MSH", "EVN", "PID"], &["MRG"]);
    check("SIU_S12", &["MSH", "SCH"], &["RGS"]);
}

#[test]
fn a_version_is_read_by_what_came_before_2_4() {
    #[track_caller]
    fn check(version_id: &str, expected: Version) {
        assert_eq!(Version::from_version_id(version_id), expected, "{version_id}");
    }
    check("2.3.1", Version::V2_3_1);
    check("2.3", Version::V2_3_1);
    check("2.1", Version::V2_3_1);
    check("2", Version::V2_3_1);
    check("2.4", Version::V2_5_1);
    check("2.5.1", Version::V2_5_1);
    check("2.10", Version::V2_5_1);
    check("", Version::V2_5_1);
    check("v2.3", Version::V2_5_1);
}

/// How many fields each segment has, in 2.5.1 and in 2.3.1, counted in the standard.
const FIELD_COUNTS: [(&str, usize, usize); 38] = [
    ("MSH", 21, 20),
    ("MSA", 6, 6),
    ("ERR", 12, 1),
    ("SFT", 6, 0),
    ("EVN", 7, 6),
    ("PID", 39, 30),
    ("PD1", 21, 12),
    ("NK1", 39, 37),
    ("MRG", 7, 7),
    ("PV1", 52, 52),
    ("PV2", 49, 37),
    ("AL1", 6, 6),
    ("DG1", 21, 19),
    ("ORC", 31, 24),
    ("TQ1", 14, 0),
    ("TQ2", 10, 0),
    ("OBR", 50, 45),
    ("IPC", 9, 0),
    ("OBX", 25, 17),
    ("NTE", 4, 4),
    ("TXA", 23, 23),
    ("SCH", 27, 25),
    ("RGS", 3, 3),
    ("AIS", 12, 10),
    ("AIG", 14, 14),
    ("AIL", 12, 12),
    ("AIP", 12, 12),
    ("ROL", 12, 8),
    ("CTD", 7, 7),
    ("QPD", 3, 0),
    ("RCP", 7, 0),
    ("QAK", 6, 2),
    ("DSC", 2, 1),
    ("FHS", 12, 12),
    ("BHS", 12, 12),
    ("BTS", 3, 3),
    ("FTS", 2, 2),
    ("ZDS", 1, 1),
];

#[test]
fn every_segment_has_as_many_fields_as_the_standard_says() {
    let counts: Vec<_> = segments()
        .iter()
        .map(|segment| {
            let [newer, older] = VERSIONS.map(|version| segment.field_count(version));
            (segment.id, newer, older)
        })
        .collect();
    assert_eq!(counts, FIELD_COUNTS);
}

/// Rows looked up one by one in the standard, from all over the tables.
#[test]
fn rows_are_as_they_are_printed() {
    #[track_caller]
    fn check(id: &str, n: usize, expected: &str) {
        let field = segment(id).and_then(|segment| segment.field(n)).unwrap();
        let rule = |version| match field.rule(version) {
            None => "-".to_owned(),
            Some(FieldRule { datatype, usage, repetitions_max, length }) => {
                let repetitions = repetitions_max.map_or("*".to_owned(), |max| max.to_string());
                let length = length.map_or("-".to_owned(), |length| length.to_string());
                format!("{datatype} {usage:?} {repetitions} {length}")
            }
        };
        let [newer, older] = VERSIONS.map(rule);
        let table = field.table.unwrap_or("-");
        assert_eq!(format!("{}; {newer}; {older}; {table}", field.name), expected);
    }
    check("MSH", 9, "Message Type; MSG Required 1 15; MSG Required 1 7; -");
    check("MSA", 5, "Delayed Acknowledgment Type; ST Withdrawn 1 -; ID Backward 1 1; -");
    check("ERR", 1, "Error Code and Location; ELD Backward * 493; ELD Required * 80; -");
    check("ERR", 6, "Application Error Parameter; ST Optional 10 80; -; -");
    check("EVN", 7, "Event Facility; HD Optional 1 241; -; -");
    check("PID", 3, "Patient Identifier List; CX Required * 250; CX Required * 20; -");
    check("PID", 13, "Phone Number - Home; XTN Optional * 250; XTN Optional * 40; -");
    check("PV1", 19, "Visit Number; CX Optional 1 250; CX Optional 1 20; -");
    check("PV2", 24, "Patient Status Code; IS Optional 1 2; IS Optional 1 2; 0216");
    check("NK1", 7, "Contact Role; CE Optional 1 250; CE Optional 1 60; 0131");
    check("ORC", 1, "Order Control; ID Required 1 2; ID Required 1 2; 0119");
    check("ORC", 29, "Order Type; CWE Optional 1 250; -; 0482");
    check("OBR", 16, "Ordering Provider; XCN Optional * 250; XCN Optional * 80; -");
    check("OBR", 26, "Parent Result; PRL Optional 1 400; PRL Optional 1 400; -");
    check("IPC", 3, "Study Instance UID; EI Required 1 70; -; -");
    check("OBX", 5, "Observation Value; varies Conditional * 99999; varies Conditional * 65536; -");
    check("OBX", 23, "Performing Organization Name; XON Optional 1 567; -; -");
    check("NTE", 4, "Comment Type; CE Optional 1 250; CE Optional 1 60; 0364");
    check("TXA", 12, "Unique Document Number; EI Required 1 30; EI Required 1 30; -");
    check("SCH", 11, "Appointment Timing Quantity; TQ Backward * 200; TQ Required * 200; -");
    check("TQ1", 9, "Priority; CWE Optional * 250; -; 0485");
    check("AIS", 3, "Universal Service Identifier; CE Required 1 250; CE Required 1 200; -");
    check("DSC", 2, "Continuation Style; ID Optional 1 1; -; 0398");
    check("BTS", 2, "Batch Comment; ST Optional 1 80; ST Optional 1 80; -");
    check("FHS", 12, "Reference File Control ID; ST Optional 1 20; ST Optional 1 20; -");
}
