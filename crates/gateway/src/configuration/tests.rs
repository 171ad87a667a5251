use super::{ClientCertificate, Configuration};

const GOOD: &str = r#"data_directory = "data"
[dicom]
ae_title = "TELERAD"
listen = "127.0.0.1:11112"
[hl7]
listen = "127.0.0.1:2575"
application = "TELERAD"
facility = "GATEWAY"
[[site]]
id = "north"
accession_issuer = "NORTH"
accession_rules = [{ rule = "strip_prefix", prefix = "N-" }]
[[source]]
site = "north"
ae_title = "CT1"
[[hl7_source]]
site = "north"
application = "RIS"
facility = "NORTH"
role = "ris"
[[destination]]
id = "reading"
ae_title = "READER"
address = "127.0.0.1:11113"
[[rule]]
id = "all"
when = { modality = ["CT", "MR"] }
send_to = ["reading"]
"#;

/// Replaces one line of the good configuration and says what is reported.
#[track_caller]
fn check(line: &str, replacement: &str, expected: &str) {
    assert!(GOOD.contains(line), "the good configuration has no such line");
    let text = GOOD.replacen(line, replacement, 1);
    let error = Configuration::from_toml(&text, "g.toml").expect_err("it was accepted");
    let error = error.to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_good_configuration_is_read() {
    let configuration = Configuration::from_toml(GOOD, "g.toml").unwrap();
    let policy = configuration.sites[0].accession_policy();
    assert_eq!(policy.rules.len(), 1);
    assert_eq!(policy.default_issuer.unwrap().namespace.as_deref(), Some("NORTH"));
    assert_eq!(configuration.sources[0].services.len(), 4);
}

#[test]
fn the_line_of_what_is_wrong_is_named() {
    check("ae_title = \"CT1\"", "ae_title = \"SEVENTEEN_LETTERS\"", "g.toml:15: AE title has 17");
    check("role = \"ris\"", "role = \"pacs\"", "g.toml:20: unknown variant `pacs`, expected");
    check("[[site]]\n", "[[site]]\ncolour = 1\n", "g.toml:10: unknown field `colour`, expected");
    check("ae_title = \"TELERAD\"\n", "", "g.toml:2: missing field `ae_title`");
    check("data_directory = \"data\"", "data_directory = ", "g.toml:1: ");
}

#[test]
fn names_must_refer_to_something() {
    check(
        "send_to = [\"reading\"]",
        "send_to = [\"nowhere\"]",
        "g.toml:25: rule `all`: destination `nowhere` is not declared; declared: reading",
    );
    check(
        "[[source]]\nsite = \"north\"",
        "[[source]]\nsite = \"south\"",
        "g.toml:14: site `south` is not declared; declared: north",
    );
}

#[test]
fn names_are_unique() {
    let twice = "[[site]]\nid = \"north\"\n[[site]]\nid = \"north\"";
    check("[[site]]\nid = \"north\"", twice, "g.toml:12: site `north` is declared twice");
    let twice = "ae_title = \"CT1\"\n[[source]]\nsite = \"north\"\nae_title = \"CT1\"";
    check("ae_title = \"CT1\"", twice, "g.toml:18: source `CT1` is declared twice");
    let to = "site = \"north\"\naddress = \"127.0.0.1:2576\"\n";
    let ris = format!("[[report_destination]]\n{to}application = \"A\"\nfacility = \"B\"\n");
    let twice = format!("{ris}{ris}[[rule]]");
    check("[[rule]]", &twice, "g.toml:32: `127.0.0.1:2576` is declared twice for site `north`");
    let told = format!("[[announcement]]\n{to}kind = \"hl7\"\n");
    let twice = format!("{ris}{told}{told}[[rule]]");
    check("[[rule]]", &twice, "g.toml:36: `127.0.0.1:2576` is declared twice for site `north`");
}

#[test]
fn lanes_are_named_once_and_for_sites_that_exist() {
    let lane = "[[lane]]\nid = \"emergency\"\nsite = \"north\"\nlane = \"stat\"\n";
    let with = |lanes: &str| GOOD.replacen("[[rule]]", &format!("{lanes}[[rule]]"), 1);
    Configuration::from_toml(&with(lane), "g.toml").unwrap();
    check(
        "[[rule]]",
        &format!("{lane}{lane}[[rule]]"),
        "g.toml:29: lane `emergency` is declared twice",
    );
    let south = lane.replace("north", "south");
    check(
        "[[rule]]",
        &format!("{south}[[rule]]"),
        "g.toml:25: site `south` is not declared; declared: north",
    );
    let unknown = lane.replace("\"stat\"", "\"urgent\"");
    check(
        "[[rule]]",
        &format!("{unknown}[[rule]]"),
        "g.toml:28: lane `urgent` is unknown; expected stat, high, routine, medium or low",
    );
}

#[test]
fn a_rule_may_apply_at_certain_times_but_not_to_lanes() {
    let rule = |window: &str| {
        format!(
            "during = {{ time_zone = \"Europe/Berlin\", windows = [{{ {window} }}] }}\nsend_to = [\"reading\"]"
        )
    };
    let night = rule("from = \"20:00\", to = \"06:00\"");
    let good = GOOD.replacen("send_to = [\"reading\"]", &night, 1);
    Configuration::from_toml(&good, "g.toml").unwrap();
    check(
        "send_to = [\"reading\"]",
        &rule("from = \"20:00\", to = \"06:00\", lanes = [\"low\"]"),
        "g.toml:25: rule `all`: the windows of a rule have no lanes",
    );
    check(
        "send_to = [\"reading\"]",
        &rule("from = \"20:00\", to = \"20:00\""),
        "g.toml:28: from and to are both `20:00`",
    );
    check(
        "send_to = [\"reading\"]",
        &night.replace("Berlin", "Berln"),
        "g.toml:28: time zone `Europe/Berln` is unknown; expected an IANA name",
    );
}

#[test]
fn addresses_have_a_host_and_a_port() {
    let error = "is not an address; expected host:port, such as 127.0.0.1:11112";
    check("\"127.0.0.1:2575\"", "\"2575\"", &format!("g.toml:6: `2575` {error}"));
    check("\"127.0.0.1:11113\"", "\"pacs:99999\"", &format!("g.toml:24: `pacs:99999` {error}"));
}

#[test]
fn a_misspelt_condition_is_an_error_not_a_rule_that_never_matches() {
    check("modality = [\"CT\", \"MR\"]", "modalty = [\"CT\"]", "g.toml:");
}

#[test]
fn a_site_says_where_its_orders_hold_the_accession_number() {
    let line = "accession_issuer = \"NORTH\"\n";
    let text = GOOD.replacen(line, &format!("{line}accession_sources = [\"OBR-3\"]\n"), 1);
    let mapping = Configuration::from_toml(&text, "g.toml").unwrap().sites[0].mapping();
    assert_eq!(mapping.accession_sources[0].to_string(), "OBR-3");
    let twice = format!("{line}accession_sources = [\"OBR-4\"]\n");
    check(line, &twice, "g.toml:12: accession source must be one of IPC-1, OBR-2, OBR-3");
}

#[test]
fn a_prefix_of_digits_is_refused() {
    let to = "[[report_destination]]\nsite = \"north\"\naddress = \"127.0.0.1:2576\"\n";
    let with = |prefix: &str| {
        let names = "application = \"A\"\nfacility = \"B\"\n";
        format!("{to}{names}accession_prefix = \"{prefix}\"\n[[rule]]")
    };
    check("[[rule]]", &with("20"), "g.toml:27: accession_prefix `20` is digits only");
    for prefix in ["N-", "H1", ""] {
        let good = GOOD.replacen("[[rule]]", &with(prefix), 1);
        Configuration::from_toml(&good, "g.toml").unwrap();
    }
}

const LISTENER_TLS: &str = r#"tls = { certificate = "g.pem", key = "g.key", ca = "ca.pem" }"#;

#[test]
fn a_listener_with_tls_wants_certificates_unless_told_otherwise() {
    let line = "listen = \"127.0.0.1:11112\"\n";
    let text = GOOD.replacen(line, &format!("{line}{LISTENER_TLS}\n"), 1);
    let mut configuration = Configuration::from_toml(&text, "g.toml").unwrap();
    configuration.resolve_paths(std::path::Path::new("/etc/telerad"));
    let tls = configuration.dicom.tls.unwrap().into_inner();
    assert_eq!(tls.client_certificate, ClientCertificate::Required);
    assert_eq!(tls.key, std::path::Path::new("/etc/telerad/g.key"));
    let tls =
        |rest: &str| format!("{line}tls = {{ certificate = \"g.pem\", key = \"g.key\"{rest} }}\n");
    check(
        line,
        &tls(""),
        "g.toml:5: tls: expected ca, the authorities that issue the certificates of callers, or",
    );
    let rest = ", client_certificate = \"none\"";
    Configuration::from_toml(&GOOD.replacen(line, &tls(rest), 1), "g.toml").unwrap();
    let rest = ", ca = \"ca.pem\", client_certificate = \"none\"";
    check(line, &tls(rest), "g.toml:5: tls: ca is of no use with client_certificate = \"none\"");
    let rest = ", client_certificate = \"maybe\"";
    check(
        line,
        &tls(rest),
        "g.toml:5: unknown variant `maybe`, expected one of `allowed`, `none`, `required`",
    );
}

#[test]
fn a_source_is_bound_to_a_certificate_only_where_one_is_asked_for() {
    let line = "ae_title = \"CT1\"\n";
    let bound = format!("{line}certificate = \"ct1.north.example\"\n");
    let expected = "g.toml:16: source `CT1` has to show a certificate, but dicom asks for none; expected dicom.tls";
    check(line, &bound, expected);
    let listen = "listen = \"127.0.0.1:11112\"\n";
    let good =
        GOOD.replacen(listen, &format!("{listen}{LISTENER_TLS}\n"), 1).replacen(line, &bound, 1);
    Configuration::from_toml(&good, "g.toml").unwrap();
    let free =
        good.replacen("[[rule]]", "[[source]]\nsite = \"north\"\nae_title = \"CT2\"\n[[rule]]", 1);
    let error = Configuration::from_toml(&free, "g.toml").unwrap_err().to_string();
    let expected = "g.toml:28: source `CT2` names no certificate although others do; expected certificate = a name, \"sha256:…\" or \"any\"";
    assert_eq!(error, expected);
    let wrong = good.replacen("ct1.north.example", "sha256:00", 1);
    let error = Configuration::from_toml(&wrong, "g.toml").unwrap_err().to_string();
    assert!(
        error.starts_with("g.toml:17: `00` is not a SHA-256 fingerprint; expected 64"),
        "{error}"
    );
}

#[test]
fn who_is_called_with_tls_is_called_so_from_everywhere() {
    let line = "address = \"127.0.0.1:11113\"\n";
    let half = format!("{line}tls = {{ ca = \"ca.pem\", certificate = \"g.pem\" }}\n");
    check(line, &half, "g.toml:25: tls: certificate and key belong together; key is missing");
    let to = "[[announcement]]\nsite = \"north\"\nkind = \"hl7\"\naddress = \"127.0.0.1:2576\"\n";
    let ris = "[[report_destination]]\nsite = \"north\"\naddress = \"127.0.0.1:2576\"\napplication = \"A\"\nfacility = \"B\"\n";
    let twice = format!("{ris}tls = {{ ca = \"ca.pem\" }}\n{to}[[rule]]");
    check("[[rule]]", &twice, "g.toml:34: `127.0.0.1:2576` is declared twice, with different tls");
}

#[test]
fn where_orders_go_is_declared_for_each_site() {
    let with = |more: &str| {
        let orders = "[[order_destination]]\nsite = \"north\"\naddress = \"p:2577\"\n\
            application = \"P\"\nfacility = \"F\"\n";
        Configuration::from_toml(&format!("{GOOD}{orders}{more}"), "g.toml")
    };
    let ours = with(
        "form = \"omi\"\nversion = \"2.5.1\"\naccession_prefix = \"N-\"\nevents = [\"new\", \"cancel\"]\n\
        character_set = \"8859/1\"\npatient_update = \"A31\"\npriors = {}\n",
    );
    let ours = ours.unwrap();
    let to = &ours.order_destinations[0];
    let dialect = to.dialect(&ours.hl7);
    assert_eq!((dialect.version.as_str(), dialect.events.len()), ("2.5.1", 2));
    assert_eq!(dialect.sending_application, "TELERAD");
    assert_eq!(dialect.accession("A1"), "N-A1");
    assert_eq!(to.priors.map(|priors| priors.count_max), Some(5));
    let everything = with("").unwrap().order_destinations[0].dialect(&ours.hl7);
    assert_eq!((everything.version.as_str(), everything.events.len()), ("2.3.1", 9));
    assert_eq!(everything.charset, None);
    let refused = |more: &str| with(more).unwrap_err().to_string();
    let prefix = refused("accession_prefix = \"7\"\n");
    assert!(prefix.starts_with("g.toml:31: accession_prefix `7` is digits only"), "{prefix}");
    let set = refused("character_set = \"latin\"\n");
    assert!(set.starts_with("g.toml:34: character set `latin` is not of table 0211"), "{set}");
    let version = refused("version = \"2.4\"\n");
    assert!(version.starts_with("g.toml:34: unknown variant `2.4`"), "{version}");
    let twice = "[[order_destination]]\nsite = \"north\"\naddress = \"p:2577\"\napplication = \"P\"\nfacility = \"F\"\n";
    assert!(refused(twice).contains("`p:2577` is declared twice for site `north`"));
    assert!(refused(&twice.replace("north", "south")).contains("site `south` is not declared"));
}
