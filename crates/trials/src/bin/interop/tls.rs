//! TLS with the peers that have it: DCMTK both ways, OpenSSL, and Python for HL7; and all that must not get in.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use telerad_trials::arguments::Arguments;
use telerad_trials::certificates::Certificates;
use telerad_trials::gateway::{Addresses, Gateway};
use telerad_trials::tool::{self, Running, free_port, last_line};
use telerad_trials::verdict::Verdict;
use telerad_trials::{GATEWAY_TITLE, part10, wait};

use crate::Held;
use crate::files::Case;

/// A gateway that wants certificates, between senders and a receiver that have some.
pub fn check(
    verdict: &mut Verdict,
    arguments: &Arguments,
    folder: &Path,
    case: &Case,
) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let peers = Peers { folder };
    let mut names = ["gateway", "ct1", "ris", "scp"].map(|name| (name, "ca")).to_vec();
    names.push(("stranger", "other"));
    Certificates::issue(folder, &["ca", "other"], &names)?;
    let (straight, _straight_scp) = peers.storescp("straight")?;
    let (through, _through_scp) = peers.storescp("through")?;
    let configuration = folder.join("gateway.toml");
    std::fs::write(&configuration, text(through))?;
    let log = folder.join("gateway.log");
    let (gateway, addresses) = Gateway::start(&arguments.gateway, &configuration, &log)?;
    peers.verification(verdict, addresses.dicom.port())?;
    peers.storage(verdict, case, straight, addresses.dicom.port())?;
    peers.versions(verdict, addresses.dicom.port())?;
    peers.messages(verdict, addresses.hl7.port())?;
    causes(verdict, &std::fs::read_to_string(&log)?);
    probes(verdict, &gateway, addresses)?;
    gateway.terminate(Duration::from_secs(20))
}

/// What the log has to say about those who did not get in.
fn causes(verdict: &mut Verdict, log: &str) {
    for cause in [
        "the peer showed no client certificate, and one is required",
        "the peer's certificate was not issued by an authority that is trusted here",
        "the peer speaks DICOM without TLS on a port where TLS is expected",
        "no version of TLS in common: TLS 1.2 or 1.3 is needed",
        "the certificate CN=ct1,O=North does not entitle to this name",
    ] {
        verdict.claim(&format!("TLS log: {cause}"), log.contains(cause), "");
    }
}

/// Those who connect and say nothing, or nothing sensible, and those who leave at once.
fn probes(verdict: &mut Verdict, gateway: &Gateway, addresses: Addresses) -> Result<()> {
    let descriptors = || {
        std::fs::read_dir(format!("/proc/{}/fd", gateway.id())).map_or(usize::MAX, Iterator::count)
    };
    let before = descriptors();
    let mut held = Vec::new();
    for address in [addresses.dicom, addresses.hl7] {
        for _ in 0..5 {
            held.push(TcpStream::connect(address)?);
            TcpStream::connect(address)?.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            drop(TcpStream::connect(address)?);
        }
    }
    // The deadline of the handshake is ten seconds; the silent ones stay connected.
    wait::until(Duration::from_secs(20), || descriptors() <= before);
    let after = descriptors();
    verdict.claim(
        "TLS probes leave no descriptor behind",
        after <= before,
        format!("{before} before, {after} after"),
    );
    drop(held);
    Ok(())
}

/// Certificates and the programs that show them.
struct Peers<'a> {
    folder: &'a Path,
}

impl Peers<'_> {
    fn path(&self, file: &str) -> String {
        self.folder.join(file).to_string_lossy().into_owned()
    }

    /// A receiver that wants a certificate.
    fn storescp(&self, name: &str) -> Result<(u16, Running)> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        let port = free_port()?;
        let words = [
            "--fork",
            "+B",
            "+xa",
            "-aet",
            "STORESCP",
            "-fe",
            ".dcm",
            "-od",
            &self.path(name),
            "+tls",
            &self.path("scp.key"),
            &self.path("scp.pem"),
            "+cf",
            &self.path("ca.pem"),
            "-rc",
            &port.to_string(),
        ];
        let log = folder.with_extension("log");
        let process = tool::start("/usr/bin/storescp", &words, &log)?;
        tool::wait_for_port(port, Duration::from_secs(10))?;
        Ok((port, process))
    }

    /// Words that make DCMTK show a certificate.
    fn shown(&self, name: &str) -> Vec<String> {
        let file = |ending: &str| self.path(&format!("{name}.{ending}"));
        vec!["+tls".into(), file("key"), file("pem"), "+cf".into(), self.path("ca.pem")]
    }

    fn verification(&self, verdict: &mut Verdict, port: u16) -> Result<()> {
        let anonymous = vec!["+tla".to_owned(), "+cf".to_owned(), self.path("ca.pem")];
        for (name, tls, title, welcome) in [
            ("echoscu over mutual TLS", self.shown("ct1"), "CT1", true),
            ("echoscu with the title of another is refused", self.shown("ct1"), "CT2", false),
            ("echoscu of a strange authority is refused", self.shown("stranger"), "CT1", false),
            ("echoscu without a certificate is refused", anonymous, "CT1", false),
            ("echoscu without TLS is refused", Vec::new(), "CT1", false),
        ] {
            let mut words = tls;
            words.extend(["-aet", title, "-aec", GATEWAY_TITLE, "localhost"].map(str::to_owned));
            words.push(port.to_string());
            let ended = tool::run("/usr/bin/echoscu", &words, Duration::from_secs(20))?;
            verdict.claim(name, ended.success == welcome, last_line(&ended.output));
        }
        Ok(())
    }

    /// One file to the receiver, straight and through the gateway.
    fn storage(
        &self,
        verdict: &mut Verdict,
        case: &Case,
        straight: u16,
        gateway: u16,
    ) -> Result<()> {
        for (port, title) in [(straight, "STORESCP"), (gateway, GATEWAY_TITLE)] {
            let mut words = self.shown("ct1");
            let option = case.proposal();
            words.extend(["-R", option, "-aet", "CT1", "-aec", title].map(str::to_owned));
            words.extend(["localhost".to_owned(), port.to_string()]);
            words.push(case.path.to_string_lossy().into_owned());
            let ended = tool::run("/usr/bin/storescu", &words, Duration::from_secs(60))?;
            let name = format!("storescu over mutual TLS to {title}");
            verdict.claim(&name, ended.success, last_line(&ended.output));
        }
        let arrived = || self.held("through").is_ok_and(|held| !held.is_empty());
        wait::until(Duration::from_secs(30), arrived);
        let (straight, through) = (self.held("straight")?, self.held("through")?);
        let remark = format!("{} and {} data sets", straight.len(), through.len());
        let same = straight.len() == 1 && straight == through;
        verdict.claim("TLS in, TLS out: the same data set", same, remark);
        Ok(())
    }

    /// The data sets that a receiver has, once they are whole.
    fn held(&self, name: &str) -> Result<Held> {
        let mut held = Held::new();
        for entry in std::fs::read_dir(self.folder.join(name))? {
            let mut file = std::fs::read(entry?.path())?;
            let head = part10::read(&file)?;
            held.insert(head.sop_instance_uid, file.split_off(head.data_set));
        }
        Ok(held)
    }

    fn versions(&self, verdict: &mut Verdict, port: u16) -> Result<()> {
        for (version, welcome) in [("-tls1_3", true), ("-tls1_2", true), ("-tls1_1", false)] {
            let words = [
                "s_client",
                "-connect",
                &format!("127.0.0.1:{port}"),
                "-CAfile",
                &self.path("ca.pem"),
                "-cert",
                &self.path("ct1.pem"),
                "-key",
                &self.path("ct1.key"),
                "-brief",
                "-alpn",
                "dicom",
                "-cipher",
                "ALL:@SECLEVEL=0",
                version,
            ];
            let ended = tool::run("/usr/bin/openssl", &words, Duration::from_secs(20))?;
            let agreed = ended.output.contains("Verification: OK");
            let name = format!("openssl s_client {version}");
            verdict.claim(&name, agreed == welcome, last_line(&ended.output));
        }
        Ok(())
    }

    fn messages(&self, verdict: &mut Verdict, port: u16) -> Result<()> {
        for (name, shown, expected) in [
            ("HL7 from Python's ssl, with its certificate", "ris", "MSA|AA|"),
            ("HL7 with the certificate of another is refused", "ct1", "MSA|AR|"),
            ("HL7 without a certificate is refused", "", "refused"),
        ] {
            let port = port.to_string();
            let words = ["-c", MLLP_CLIENT, &self.path(""), &port, shown];
            let ended = tool::run("/usr/bin/python3", &words, Duration::from_secs(30))?;
            verdict.claim(name, ended.output.contains(expected), last_line(&ended.output));
        }
        Ok(())
    }
}

fn text(storescp: u16) -> String {
    let tls = r#"tls = { certificate = "gateway.pem", key = "gateway.key", ca = "ca.pem" }"#;
    format!(
        r#"data_directory = "data"
[dicom]
ae_title = "{GATEWAY_TITLE}"
listen = "127.0.0.1:0"
{tls}
[hl7]
listen = "127.0.0.1:0"
application = "TELERAD"
facility = "GATEWAY"
{tls}
[[site]]
id = "north"
patient_authority = "NORTH-MRN"
[[source]]
site = "north"
ae_title = "CT1"
certificate = "ct1.example"
[[source]]
site = "north"
ae_title = "CT2"
certificate = "ct2.example"
[[hl7_source]]
site = "north"
application = "RIS"
facility = "NORTH"
role = "ris"
certificate = "ris.example"
[[destination]]
id = "storescp"
ae_title = "STORESCP"
address = "127.0.0.1:{storescp}"
retry_seconds = [1, 2]
{tls}
[[rule]]
id = "all"
send_to = ["storescp"]
"#
    )
}

/// Arguments: the folder of the certificates, the port, and whose certificate to show.
const MLLP_CLIENT: &str = r#"
import socket, ssl, sys
folder, port, name = sys.argv[1:4]
context = ssl.create_default_context(cafile=folder + "/ca.pem")
if name:
    context.load_cert_chain(folder + "/" + name + ".pem", folder + "/" + name + ".key")
message = ("MSH|^~\\&|RIS|NORTH|TELERAD|GATEWAY|20240101120000||ADT^A04^ADT_A01|" + (name or "x")
           + "|P|2.5.1\rEVN||20240101120000\rPID|1||P1^^^NORTH-MRN||DOE^JANE\rPV1|1|O\r")
try:
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="gateway.example") as stream:
            stream.sendall(b"\x0b" + message.encode() + b"\x1c\r")
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                piece = stream.recv(65536)
                if not piece:
                    raise OSError("closed without an answer")
                answer += piece
            print(answer.decode().replace("\r", " "))
except OSError as error:
    print("refused:", error)
"#;
