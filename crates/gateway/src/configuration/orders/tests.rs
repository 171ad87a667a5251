use telerad_worklist::MissingStart;

use crate::configuration::Configuration;

const GOOD: &str = r#"data_directory = "/var/lib/telerad"
dicom = { ae_title = "TELERAD", listen = "127.0.0.1:11112" }
hl7 = { listen = "127.0.0.1:2575", application = "TELERAD", facility = "GATEWAY" }
[[site]]
id = "north"
accession_issuer = "NORTH"
[site.orders]
accession_sources = ["OBR-3", "ORC-3"]
accession_shortening = [{ rule = "strip_prefix", prefix = "NORTH-" }, { rule = "keep_first" }]
modality_by_procedure = { CTTHX = "CT" }
modality_default = "DX"
station_sources = ["IPC-9", "OBR-21"]
stations = [{ modality = "CT", location = "ER", ae_titles = ["CT1"] }]
stations_default = ["DX1"]
locations = [{ location = "ER", modality = "DX", start = "08:00" }]
start_sources = ["OBR-36", "TQ1-7"]
start_default = "message_time"
priority_sources = ["OBR-5"]
appointment_sources = ["SCH-2"]
study_instance_uid = "derived"
protocol = "OBR-4.1"
referring_physician = "PV1-8, ORC-12"
other_patient_ids = ["PID-4"]
patient_confidentiality = "PV1-16"
institution = "North Clinic"
[[site.facility]]
name = "ANNEX"
orders = { accession_sources = ["OBR-18"], accession_issuer = "ANNEX", modality_default = "MR" }
[[hl7_source]]
site = "north"
application = "RIS"
facility = "ANNEX"
role = "ris"
"#;

#[test]
fn a_facility_says_what_it_writes_otherwise_than_its_site() {
    let configuration = Configuration::from_toml(GOOD, "g.toml").unwrap();
    let site = &configuration.sites[0];
    let whole = site.mapping();
    assert_eq!(whole.accession_sources[0].to_string(), "OBR-3");
    assert_eq!(whole.modality_by_procedure["CTTHX"], "CT");
    assert_eq!(whole.station_ae_titles[0].location.as_deref(), Some("ER"));
    assert_eq!(whole.locations[0].start, Some(MissingStart::At { hour: 8, minute: 0 }));
    assert_eq!(whole.institution.as_deref(), Some("North Clinic"));
    let annex = site.mapping_of(&site.facilities[0]);
    assert_eq!(annex.accession_sources[0].to_string(), "OBR-18");
    assert_eq!(annex.accession_issuer.map(|issuer| issuer.to_string()).as_deref(), Some("ANNEX"));
    assert_eq!(annex.modality_default.as_deref(), Some("MR"));
    assert_eq!(annex.stations_default, whole.stations_default);
    assert_eq!(site.accession_policy().rules.len(), 2);
}

#[track_caller]
fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from}");
    let error = Configuration::from_toml(&GOOD.replacen(from, to, 1), "g.toml").unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    check("\"OBR-36\"", "\"PID-3\"", "g.toml:16: expected a field of ORC, OBR, TQ1, IPC or SCH");
    check("\"OBR-3\"", "\"OBR-4\"", "g.toml:8: accession source must be one of");
    check("= \"DX\"", "= \"dx\"", "g.toml:11: `dx` is not a modality; expected a code");
    check("\"08:00\"", "\"8\"", "g.toml:15: expected message_time or a time of day");
    check("[\"OBR-5\"]", "[]", "g.toml:7: priority_sources is empty; expected at least one");
    check("prefix = \"NORTH-\"", "prefix = \"\"", "g.toml:7: a rule of accession_shortening takes");
    check(
        "ae_titles = [\"CT1\"]",
        "ae_titles = []",
        "g.toml:7: ae_titles of a rule in stations is",
    );
    check(
        ", modality = \"DX\", start = \"08:00\"",
        "",
        "g.toml:7: a location says nothing; expected modality, ae_titles or start",
    );
    check("\"derived\"", "\"guess\"", "g.toml:20: unknown variant `guess`");
    check("protocol =", "protocoll =", "g.toml:21: unknown field `protocoll`");
    check("name = \"ANNEX\"", "name = \"OTHER\"", "g.toml:27: facility `OTHER` sends nothing");
}
