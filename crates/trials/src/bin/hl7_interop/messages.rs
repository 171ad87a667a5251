//! The messages that go round: an order, a report with every kind of escape and letters of four scripts, and a document.

/// A message, and what its acknowledgement must name.
pub struct Sent {
    pub control_id: String,
    pub text: String,
}

/// Every message, in the order in which it is sent.
pub fn all() -> Vec<Sent> {
    // Of a size that takes several packets; hl7apy reads byte by byte in quadratic time.
    let document = "JVBERi0xLjQKJcOkw7zDtsOf".repeat(64 * 1024 / 24);
    vec![
        sent(
            "I-1",
            "ORM^O01^ORM_O01",
            &["ORC|NW|P1^RIS|F1^RIS||SC", "OBR|1|P1^RIS||71250^CT CHEST^L"],
        ),
        sent(
            "I-2",
            "ORU^R01^ORU_R01",
            &[
                "OBR|1|P1^RIS|F1^RIS|71250^CT CHEST^L",
                "OBX|1|FT|GDT^Report||Größe 3 × 4 mm\\.br\\Łódź \\T\\ Αθήνα \\S\\ 2\\R\\3 \\E\\ \\F\\||||||F",
            ],
        ),
        sent(
            "I-3",
            "ORU^R01^ORU_R01",
            &[
                "OBR|1|P1^RIS|F1^RIS|71250^CT CHEST^L",
                &format!("OBX|1|ED|PDF^Report||^application^pdf^Base64^{document}||||||F"),
            ],
        ),
        sent("I-4", "ADT^A08^ADT_A01", &["EVN|A08|20260105101500", "PV1|1|O"]),
    ]
}

fn sent(control_id: &str, kind: &str, rest: &[&str]) -> Sent {
    let mut text = format!(
        "MSH|^~\\&|RIS|NORTH|TELERAD|GATEWAY|20260105101500||{kind}|{control_id}|P|2.5.1||||||UNICODE UTF-8\r\
         PID|1||1001^^^NORTH&1.2.3&ISO^MR||MÜLLER^ZOË^^^^^L~山田^太郎||19700203|F\r"
    );
    for segment in rest {
        text.push_str(segment);
        text.push('\r');
    }
    Sent { control_id: control_id.to_owned(), text }
}
