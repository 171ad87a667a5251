//! The peers of a gateway, and its configuration: two ways to a reader, a group that loses a member, a RIS.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use telerad::gateway;
use telerad_trials::configuration::Configuration;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::hl7_sink::Hl7Sink;
use tokio::net::TcpSocket;

/// How often each instance had arrived, by SOP Instance UID and digest.
pub type Arrived = HashMap<String, HashMap<blake3::Hash, u32>>;

/// What had arrived, by destination.
pub type ArrivedThere = BTreeMap<String, Arrived>;

/// Where studies go by themselves.
pub const READER: &str = "reader";
/// Where only a person sends them.
pub const SECOND: &str = "second";
/// The first member of the group: it is away from the beginning, or goes away, or stays, as the episode wants.
pub const NIGHT: &str = "night1";
const DESTINATIONS: [&str; 4] = [READER, SECOND, NIGHT, "night2"];
/// The source that is answered when its instance has been delivered.
pub const PATIENT_SOURCE: &str = "CT2";

/// When the first member of the group goes away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Away {
    Always,
    Later,
    Never,
}

/// Whoever a gateway talks to.
pub struct House {
    configuration: Configuration,
    sinks: BTreeMap<&'static str, DicomSink>,
    records: BTreeMap<&'static str, Records>,
    /// Keeps a port that nobody listens on from becoming somebody else's.
    closed: Option<TcpSocket>,
    pub away: Away,
    pub ris: Hl7Sink,
    _announcements: Hl7Sink,
}

impl House {
    /// Everybody listens, but who is away.
    ///
    /// # Errors
    /// When there is no port left.
    pub fn open(away: Away) -> Result<Self> {
        let (ris, announcements) = (Hl7Sink::start(0)?, Hl7Sink::start(0)?);
        let (mut sinks, mut records) = (BTreeMap::new(), BTreeMap::new());
        let (mut destinations, mut closed) = (Vec::new(), None);
        for id in DESTINATIONS {
            let here = Records::default();
            let port = if id == NIGHT && away == Away::Always {
                let socket = reserve(0)?;
                let port = socket.local_addr()?.port();
                closed = Some(socket);
                port
            } else {
                let sink = DicomSink::start(0, &here)?;
                let port = sink.port();
                sinks.insert(id, sink);
                port
            };
            records.insert(id, here);
            destinations.push((id.to_uppercase(), port));
        }
        let configuration = Configuration {
            destinations,
            ris_port: ris.port(),
            announcement_port: announcements.port(),
            certificates: None,
        };
        Ok(Self { configuration, sinks, records, closed, away, ris, _announcements: announcements })
    }

    /// The first member of the group goes away for good.
    ///
    /// # Errors
    /// When its port cannot be kept.
    pub fn close_night(&mut self) -> Result<()> {
        if let Some(sink) = self.sinks.remove(NIGHT) {
            let port = sink.port();
            drop(sink);
            self.closed = Some(reserve(port)?);
        }
        Ok(())
    }

    /// What the gateway's configuration file says.
    ///
    /// # Errors
    /// When the file that this rests on has no rules.
    pub fn text(&self, data: &Path) -> Result<String> {
        let text = self.configuration.text(data)?;
        let (head, _) = text.split_once("[[rule]]").context("no rules")?;
        let title = format!("ae_title = \"{PATIENT_SOURCE}\"");
        let patient = format!(
            "{title}\nacknowledge = \"after_delivery\"\nacknowledge_seconds_max = {PATIENCE_SECONDS}"
        );
        Ok(head.replacen(&title, &patient, 1) + GROUP_AND_RULES)
    }

    /// By destination, how many associations are held open to it at once.
    ///
    /// # Errors
    /// When the configuration is none.
    pub fn associations_max(&self) -> Result<BTreeMap<String, usize>> {
        let text = self.text(Path::new("data"))?;
        let configuration = gateway::Configuration::from_toml(&text, "gateway.toml")?;
        let each = configuration.destinations.iter().map(|to| {
            let id = to.id.get_ref().as_str().to_owned();
            (id, to.associations_max)
        });
        Ok(each.collect())
    }

    /// What each destination recorded.
    pub fn arrived(&self) -> ArrivedThere {
        let here = |(id, records): (&&str, &Records)| ((*id).to_owned(), records.by_instance());
        self.records.iter().map(here).collect()
    }

    /// Waits until no destination is still reading what a gateway had sent that is gone; `false` when one goes on.
    pub fn is_quiet(&self) -> bool {
        self.sinks.values().all(|sink| sink.is_quiet_within(QUIET_MAX))
    }

    /// How much each destination recorded.
    pub fn arrivals(&self) -> usize {
        self.records.values().map(|records| records.all().len()).sum()
    }

    /// The destinations' records, to look into from elsewhere.
    pub fn records(&self) -> Vec<Records> {
        self.records.values().cloned().collect()
    }
}

/// A port that is taken and refuses connections.
fn reserve(port: u16) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    Ok(socket)
}

const PATIENCE_SECONDS: u64 = 2;
const QUIET_MAX: Duration = Duration::from_secs(10);
const GROUP_AND_RULES: &str = r#"
[[group]]
id = "night"
members = ["night1", "night2"]
failover_after_seconds = 1
[[rule]]
id = "day"
when = { source = ["CT1", "CT2", "CT4"] }
send_to = ["reader"]
[[rule]]
id = "night"
when = { source = ["CT3", "CT4"] }
send_to = ["night"]
"#;
