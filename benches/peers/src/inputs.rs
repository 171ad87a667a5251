//! Messages that everybody can read: ASCII, standard delimiters, no escapes that any of them chokes on.

const HEADER: &str = "MSH|^~\\&|READER|PLATFORM|TELERAD|GATEWAY|20240301101500||ORU^R01^ORU_R01|R-77|P|2.5.1||||||UNICODE UTF-8\r\
    PID|1||1001^^^NORTH&1.2.840.1&ISO^MR||ROSSI^ANNA^MARIA^^^^L||19701224|F|||1 High Street^^Town^^1000\r\
    PV1|1|O|RAD^1^1||||1234^Smith^John^^^Dr\r\
    ORC|RE|P-1001^RIS|F-1001^TELERAD||CM\r\
    OBR|1|P-1001^RIS|F-1001^TELERAD|CTABD^CT abdomen^L|||20240301093000||||||||1234^Smith^John||A-1001|RP-1|SPS-1|||20240301101000||CT|F||||||||4321&Reader&Rita\r";

/// ORU with this many lines of text.
pub fn report(lines: usize) -> String {
    let mut text = HEADER.to_owned();
    for line in 1..=lines {
        text.push_str(&format!(
            "OBX|{line}|TX|GDT^Report text^L||No focal lesion of the liver, spleen or kidneys; line {line} of the \
             findings and the comparison.||||||F|||20240301101000\r"
        ));
    }
    text
}

/// ORU with a document of this many bytes in base64.
pub fn report_with_pdf(bytes: usize) -> String {
    let content = "JVBERi0xLjQKJcOkw7zDtsOf".repeat(bytes / 24);
    format!("{HEADER}OBX|1|ED|PDF^Report^L||^application^pdf^Base64^{content}||||||F\r")
}

/// Ten places in such a report, in the spelling that most read; the second that of `hl7-parser`, the third that of
/// `rust-hl7`.
pub const PATHS: [(&str, &str, &str); 10] = [
    ("PID-3.1", "PID.3.1", "PID.F3.R1.C1"),
    ("PID-5.1", "PID.5.1", "PID.F5.R1.C1"),
    ("ORC-2.1", "ORC.2.1", "ORC.F2.R1.C1"),
    ("OBR-18", "OBR.18", "OBR.F18"),
    ("OBR-4.1", "OBR.4.1", "OBR.F4.R1.C1"),
    ("OBR-25", "OBR.25", "OBR.F25"),
    // Everybody else finds the sixtieth by a loop of the caller's; the first costs them less.
    ("OBX-5", "OBX.5", "OBX.F5"),
    ("MSH-9.2", "MSH.9.2", "MSH.F9.R1.C2"),
    ("MSH-10", "MSH.10", "MSH.F10"),
    ("MSH-18", "MSH.18", "MSH.F18"),
];
