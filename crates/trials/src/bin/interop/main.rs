//! The gateway between programs that others wrote: DCMTK, Orthanc, MLLP senders.
//!
//! DCMTK's senders encode anew what they read from a file, so that a file is no reference for what
//! they send. Every file is therefore sent twice: once straight to the receiver and once through
//! the gateway. What the receiver holds afterwards must be the same data set, bit for bit.

#![expect(clippy::disallowed_methods, reason = "a program with files and other programs")]

mod files;
mod orthanc;
mod peers;
mod performed;
mod storescp;
mod tls;
mod worklist;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use telerad_trials::GATEWAY_TITLE;
use telerad_trials::arguments::Arguments;
use telerad_trials::configuration::Configuration;
use telerad_trials::gateway::{Addresses, Gateway};
use telerad_trials::tool::{self, free_port, last_line};
use telerad_trials::verdict::{self, Verdict};
use telerad_trials::wait;

use files::{Case, Origin};
use orthanc::Orthanc;
use storescp::Storescp;

/// What a receiver holds: the data sets by SOP instance UID.
type Held = BTreeMap<String, Vec<u8>>;

/// How long a delivery may stand still.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    verdict::finish("interop", trial)
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let arguments = Arguments::read()?;
    peers::install()?;
    let folder = tempfile::tempdir()?;
    let cases = files::write(&folder.path().join("files"), arguments.quick)?;

    dcmsend(verdict, &arguments, &folder.path().join("dcmsend"), &cases)?;
    storescu(verdict, &arguments, &folder.path().join("storescu"), &cases)?;
    let worklist = folder.path().join("worklist");
    std::fs::create_dir_all(&worklist)?;
    let (gateway, addresses) = gateway(&arguments, &worklist, vec![])?;
    worklist::check(verdict, &worklist, addresses)?;
    let carried = cases.iter().find(|case| case.origin == Origin::Carried);
    let case = carried.context("there is no file to send over TLS")?;
    tls::check(verdict, &arguments, &folder.path().join("tls"), case)?;
    performed::check(verdict, &arguments, &folder.path().join("performed"))?;
    if verdict.failed() > 0 {
        verdict::note(format!("logs and files are in {}", folder.keep().display()));
    }
    gateway.terminate(Duration::from_secs(20))
}

/// A gateway with a fresh state that forwards to these titles and ports.
fn gateway(
    arguments: &Arguments,
    folder: &Path,
    mut destinations: Vec<(String, u16)>,
) -> Result<(Gateway, Addresses)> {
    if destinations.is_empty() {
        destinations.push(("NOBODY".to_owned(), free_port()?));
    }
    // Nothing listens there: these runs send no reports.
    let port = free_port()?;
    let configuration =
        Configuration { destinations, ris_port: port, announcement_port: port, certificates: None };
    let configuration = configuration.write(folder)?;
    Gateway::start(&arguments.gateway, &configuration, &folder.join("gateway.log"))
}

/// All files by `dcmsend`, through the gateway to `storescp` and to Orthanc at the same time.
fn dcmsend(
    verdict: &mut Verdict,
    arguments: &Arguments,
    folder: &Path,
    cases: &[Case],
) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let send = |port: u16, title: &str| {
        let port = port.to_string();
        let mut words = vec!["-v", "-dn", "-nh", "-nuc", "-aet", "CT1", "-aec", title];
        words.extend(["127.0.0.1", &port]);
        words.extend(cases.iter().map(|case| case.path.to_str().unwrap_or_default()));
        tool::run("/usr/bin/dcmsend", &words, Duration::from_secs(180))
    };
    let orthanc = Orthanc::start(&folder.join("orthanc"))?;
    let straight = Storescp::start(&folder.join("straight"))?;
    send(straight.port(), storescp::TITLE)?;
    send(orthanc.dicom_port(), orthanc::TITLE)?;
    let straight = straight.held()?;
    let straight_orthanc = orthanc.take()?;

    let through = Storescp::start(&folder.join("through"))?;
    let destinations = vec![
        (storescp::TITLE.to_owned(), through.port()),
        (orthanc::TITLE.to_owned(), orthanc.dicom_port()),
    ];
    let (gateway, addresses) = gateway(arguments, folder, destinations)?;
    echo(verdict, addresses);
    let sent = send(addresses.dicom.port(), GATEWAY_TITLE)?;
    if !sent.success {
        verdict::note(format!("dcmsend: {}", last_line(&sent.output)));
    }
    let arrived = || through.count() + orthanc.count();
    wait::while_progressing(PATIENCE, arrived, || {
        through.count() >= straight.len() && orthanc.count() >= straight_orthanc.len()
    });
    let (through, through_orthanc) = (through.settled()?, orthanc.take()?);
    let to_storescp = Comparison { route: "dcmsend → storescp", straight, through };
    let to_orthanc = Comparison {
        route: "dcmsend → Orthanc",
        straight: straight_orthanc,
        through: through_orthanc,
    };
    to_storescp.report(verdict, cases, Missing::IsFailure);
    // Orthanc refuses some of what storescp takes without looking.
    to_orthanc.report(verdict, cases, Missing::IsTheReceivers);
    gateway.terminate(Duration::from_secs(20))
}

/// The carried files by `storescu`, one association each, which proposes nothing but the file's own
/// transfer syntax.
fn storescu(
    verdict: &mut Verdict,
    arguments: &Arguments,
    folder: &Path,
    cases: &[Case],
) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let cases: Vec<Case> =
        cases.iter().filter(|case| case.origin == Origin::Carried).cloned().collect();
    let send = |port: u16, title: &str| -> Result<BTreeMap<String, String>> {
        let mut complaints = BTreeMap::new();
        for case in &cases {
            let (port, file) = (port.to_string(), case.path.to_string_lossy());
            let option = case.proposal();
            let words =
                ["-v", "-R", option, "-aet", "CT2", "-aec", title, "127.0.0.1", &port, &file];
            let ended = tool::run("/usr/bin/storescu", &words, Duration::from_secs(60))?;
            if !ended.success {
                complaints.insert(case.name.clone(), last_line(&ended.output).to_owned());
            }
        }
        Ok(complaints)
    };
    let straight = Storescp::start(&folder.join("straight"))?;
    let unable = send(straight.port(), storescp::TITLE)?;
    let straight = straight.held()?;

    let through = Storescp::start(&folder.join("through"))?;
    let destinations = vec![(storescp::TITLE.to_owned(), through.port())];
    let (gateway, addresses) = gateway(arguments, folder, destinations)?;
    for (name, complaint) in send(addresses.dicom.port(), GATEWAY_TITLE)? {
        if !unable.contains_key(&name) {
            verdict.row(&format!("storescu {name}"), Err::<&str, _>(complaint));
        }
    }
    wait::while_progressing(PATIENCE, || through.count(), || through.count() >= straight.len());
    let comparison =
        Comparison { route: "storescu → storescp", straight, through: through.settled()? };
    comparison.report(verdict, &cases, Missing::IsTheReceivers);
    gateway.terminate(Duration::from_secs(20))
}

fn echo(verdict: &mut Verdict, addresses: Addresses) {
    let port = addresses.dicom.port().to_string();
    let words = ["-v", "-aet", "CT1", "-aec", GATEWAY_TITLE, "127.0.0.1", &port];
    let outcome = match tool::run("/usr/bin/echoscu", &words, Duration::from_secs(20)) {
        Ok(ended) if ended.success => Ok("DCMTK"),
        Ok(ended) => Err(last_line(&ended.output).to_owned()),
        Err(error) => Err(error.to_string()),
    };
    verdict.row("echoscu", outcome);
}

/// What to make of a file that does not reach the receiver even without the gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Missing {
    /// The trial would prove nothing.
    IsFailure,
    /// Sender or receiver cannot handle it; another route proves it.
    IsTheReceivers,
}

/// What a receiver holds after both ways.
struct Comparison {
    route: &'static str,
    straight: Held,
    through: Held,
}

impl Comparison {
    fn report(&self, verdict: &mut Verdict, cases: &[Case], missing: Missing) {
        let (mut same, mut unsent) = (0, 0);
        for case in cases {
            let name = format!("{} {}", self.route, case.name);
            let straight = self.straight.get(&case.sop_instance_uid);
            let through = self.through.get(&case.sop_instance_uid);
            let carried = case.origin == Origin::Carried;
            match (straight, through) {
                (Some(a), Some(b)) if a == b && carried => {
                    verdict
                        .row(&name, Ok::<_, &str>(format!("{} bytes, {}", a.len(), case.syntax())));
                }
                (Some(a), Some(b)) if a == b => same += 1,
                (Some(a), Some(b)) => {
                    let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
                    let reason = format!("{} and {} bytes, differ at {at}", a.len(), b.len());
                    verdict.row(&name, Err::<&str, _>(reason));
                }
                (Some(_), None) => verdict.row(&name, Err::<&str, _>("not delivered")),
                (None, _) if carried && missing == Missing::IsFailure => {
                    verdict
                        .row(&name, Err::<&str, _>("the peers do not even send it to each other"));
                }
                (None, _) if carried => {
                    verdict::note(format!(
                        "skipped {name:<56} its peers refuse it among themselves"
                    ));
                }
                (None, _) => unsent += 1,
            }
        }
        let corpus = cases.iter().filter(|case| case.origin == Origin::Corpus).count();
        if corpus > 0 {
            let name = format!("{}: {same} files of the corpus are the same", self.route);
            let remark =
                format!("of {corpus}; {unsent} are not sent or taken by the peers themselves");
            verdict.claim(&name, same > 0 && same + unsent == corpus, remark);
        }
    }
}
