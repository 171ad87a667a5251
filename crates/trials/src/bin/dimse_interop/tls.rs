//! The same services over TLS, with those who have it: DCMTK, Orthanc and pynetdicom, each side in each role.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use telerad::dicom::Status;
use telerad::net::tls::{
    ClientCertificate, ClientFiles, ClientTls, ServerFiles, ServerTls, TlsConnector,
};
use telerad::net::{AnyConnector, SystemClock, TcpConnector};
use telerad_trials::certificates::Certificates;
use telerad_trials::tool::{self, free_port, last_line};
use telerad_trials::verdict::Verdict;

use crate::battery::Target;
use crate::dcmtk::STORESCP;
use crate::orthanc::{ORTHANC, Orthanc, modality};
use crate::ours::{Ours, Serving, peer};
use crate::pynetdicom::{self, Python, expect};
use crate::study::{Study, read_folder, same};
use crate::{TITLE, row, run};

/// Every row.
pub fn check(verdict: &mut Verdict, ours: &Ours, python: &Python, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let names = [("telerad", "ca"), ("peer", "ca"), ("stranger", "other")];
    let certificates = Certificates::issue(&folder.join("pem"), &["ca", "other"], &names)?;
    let serving = ours.serve_tls(server(&certificates, ClientCertificate::Required)?)?;
    let open = ours.serve_tls(server(&certificates, ClientCertificate::None)?)?;
    let secure = Secure { ours, folder, certificates, serving, open };
    secure.dcmtk(verdict)?;
    secure.orthanc(verdict)?;
    secure.pynetdicom(verdict, python)
}

/// Who we are to callers, and whether they have to prove who they are.
fn server(certificates: &Certificates, wanted: ClientCertificate) -> Result<ServerTls> {
    let files = ServerFiles {
        certificate: certificates.certificate("telerad").into(),
        key: certificates.key("telerad").into(),
        ca: (wanted != ClientCertificate::None).then(|| certificates.certificate("ca").into()),
        crls: Vec::new(),
        client_certificate: wanted,
    };
    Ok(ServerTls::load(files, SystemClock::shared())?)
}

struct Secure<'a> {
    ours: &'a Ours,
    folder: &'a Path,
    certificates: Certificates,
    /// Wants certificates.
    serving: Serving,
    /// Wants none.
    open: Serving,
}

impl Secure<'_> {
    /// How we call, with this certificate or with none.
    fn connector(&self, own: Option<&str>) -> Result<AnyConnector> {
        let files = |name: &str| {
            (self.certificates.certificate(name).into(), self.certificates.key(name).into())
        };
        let files = ClientFiles {
            ca: self.certificates.certificate("ca").into(),
            crls: Vec::new(),
            own: own.map(files),
            server_name: None,
        };
        let tls = ClientTls::load(files, SystemClock::shared())?;
        Ok(AnyConnector::new(TlsConnector::new(TcpConnector, tls)))
    }

    fn target(
        &self,
        name: &'static str,
        port: u16,
        called: &str,
        own: Option<&str>,
    ) -> Result<Target<'_>> {
        Ok(Target {
            name,
            peer: peer(port, called),
            connector: self.connector(own)?,
            ours: self.ours,
            sink: &self.serving,
            move_originator: pynetdicom::TITLE,
            unknown_destination: Status::MOVE_DESTINATION_UNKNOWN,
            gives_up: None,
        })
    }

    /// Those who may not come in at a peer that wants a certificate of its own authority.
    fn refusals(
        &self,
        verdict: &mut Verdict,
        name: &'static str,
        port: u16,
        called: &str,
    ) -> Result<()> {
        let plain = Target {
            connector: AnyConnector::new(TcpConnector),
            ..self.target(name, port, called, None)?
        };
        for (what, target) in [
            ("without a certificate", self.target(name, port, called, None)?),
            ("of a strange authority", self.target(name, port, called, Some("stranger"))?),
            ("without TLS", plain),
        ] {
            let outcome = match target.echo() {
                Ok(_) => Err(anyhow::anyhow!("it was let in")),
                Err(error) => Ok(format!("{error:#}")),
            };
            row(verdict, &format!("telerad → {name}, TLS: {what} is refused"), outcome);
        }
        Ok(())
    }

    fn dcmtk(&self, verdict: &mut Verdict) -> Result<()> {
        let study = Study::new("TLD", 4, 20_000);
        let files = study.write(&self.folder.join("files"))?;
        let shown = |name: &str| {
            let certificates = &self.certificates;
            [
                "+tls".into(),
                certificates.key(name),
                certificates.certificate(name),
                "+cf".into(),
                certificates.certificate("ca"),
            ]
            .to_vec()
        };
        let tool = |name: &str, tls: &[String], options: &[&str], files: &[String], port: u16| {
            let port = port.to_string();
            let mut words = tls.to_vec();
            words.extend(options.iter().map(|word| (*word).to_owned()));
            words.extend(["-aec", TITLE, "127.0.0.1", &port].map(str::to_owned));
            words.extend_from_slice(files);
            run(&format!("/usr/bin/{name}"), &words)
        };
        let port = self.serving.port;
        let anonymous = ["+tla".to_owned(), "+cf".to_owned(), self.certificates.certificate("ca")];
        for (name, tls, port, welcome) in [
            ("C-ECHO, mutual", &shown("peer")[..], port, true),
            ("C-ECHO, no certificate wanted", &anonymous, self.open.port, true),
            ("without a certificate is refused", &anonymous, port, false),
            ("of a strange authority is refused", &shown("stranger"), port, false),
            ("without TLS is refused", &[], port, false),
        ] {
            let ended = tool("echoscu", tls, &[], &[], port)?;
            verdict.claim(
                &format!("echoscu → telerad, TLS: {name}"),
                ended.success == welcome,
                last_line(&ended.output),
            );
        }
        row(verdict, "storescu → telerad, TLS: C-STORE", {
            tool("storescu", &shown("peer"), &["-R"], &files, port).and_then(|ended| {
                ensure!(ended.success, "{}", last_line(&ended.output));
                same(&study.held(), &self.serving.archive.take())
            })
        });
        self.serving.archive.keep(&study.samples);
        let key = format!("StudyInstanceUID={}", study.order.study_instance_uid);
        let options = ["-v", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", &key];
        row(verdict, "findscu → telerad, TLS: C-FIND", {
            tool("findscu", &shown("peer"), &options, &[], port).and_then(|ended| {
                let answers = ended.output.matches("Find Response: ").count();
                ensure!(ended.success && answers == 1, "{}", last_line(&ended.output));
                Ok("1 answer".to_owned())
            })
        });
        self.storescp(verdict, &study, shown("peer"))
    }

    /// We send to `storescp`.
    fn storescp(&self, verdict: &mut Verdict, study: &Study, shown: Vec<String>) -> Result<()> {
        let port = free_port()?;
        let kept = self.folder.join("kept");
        std::fs::create_dir_all(&kept)?;
        let mut words = shown;
        let directory = kept.to_string_lossy().into_owned();
        words.extend(
            ["-rc", "--fork", "+B", "-aet", STORESCP, "-od", &directory].map(str::to_owned),
        );
        words.push(port.to_string());
        let log = self.folder.join("storescp.log");
        let _process = tool::start("/usr/bin/storescp", &words, &log)?;
        tool::wait_for_port(port, Duration::from_secs(10))?;
        let target = self.target("storescp", port, STORESCP, Some("telerad"))?;
        row(verdict, "telerad → storescp, TLS: C-ECHO", target.echo());
        let stored = target.store(study);
        row(verdict, "telerad → storescp, TLS: C-STORE", {
            stored.and_then(|_| same(&study.held(), &read_folder(&kept)?))
        });
        self.refusals(verdict, "storescp", port, STORESCP)
    }

    fn orthanc(&self, verdict: &mut Verdict) -> Result<()> {
        let folder = self.folder.join("orthanc");
        std::fs::create_dir_all(&folder)?;
        let mut us = modality(&self.serving);
        us["UseDicomTls"] = json!(true);
        let options = json!({
            "DicomTlsEnabled": true,
            "DicomTlsCertificate": self.certificates.certificate("peer"),
            "DicomTlsPrivateKey": self.certificates.key("peer"),
            "DicomTlsTrustedCertificates": self.certificates.certificate("ca"),
            "DicomTlsRemoteCertificateRequired": true,
        });
        let orthanc = Orthanc::start(&folder, &json!({ "ours": us }), &options)?;
        let port = orthanc.dicom_port;
        let target = self.target("Orthanc", port, ORTHANC, Some("telerad"))?;
        let study = Study::new("TLO", 4, 20_000);
        row(verdict, "telerad → Orthanc, TLS: C-ECHO", target.echo());
        row(verdict, "telerad → Orthanc, TLS: C-STORE", target.store(&study));
        row(verdict, "telerad → Orthanc, TLS: C-FIND", target.find(&study));
        row(verdict, "telerad → Orthanc, TLS: C-GET", target.get(&study));
        self.refusals(verdict, "Orthanc", port, ORTHANC)?;
        row(verdict, "Orthanc → telerad, TLS: C-ECHO", orthanc.echo());
        row(verdict, "Orthanc → telerad, TLS: C-STORE", orthanc.store(&self.serving, &study));
        Ok(())
    }

    fn pynetdicom(&self, verdict: &mut Verdict, python: &Python) -> Result<()> {
        let certificates = &self.certificates;
        let ca = certificates.certificate("ca");
        let files = [ca.clone(), certificates.certificate("peer"), certificates.key("peer")];
        let scp = python.scp("tls", self.serving.port, &files)?;
        let target =
            self.target("pynetdicom, TLS", scp.port, pynetdicom::TITLE, Some("telerad"))?;
        let study = Study::new("TLP", 4, 20_000);
        target.check(verdict, &study);
        self.refusals(verdict, "pynetdicom", scp.port, pynetdicom::TITLE)?;
        let mutual = files.join(",");
        let sent = study.write(&self.folder.join("sent"))?;
        let mut words = vec!["store"];
        words.extend(sent.iter().map(String::as_str));
        self.serving.archive.take();
        row(verdict, "pynetdicom → telerad, TLS: C-STORE", {
            python.scu(&mutual, &self.serving, &words).and_then(|told| {
                expect(&told, "statuses", json!(vec![0; sent.len()]))?;
                same(&study.held(), &self.serving.archive.take())
            })
        });
        self.serving.archive.keep(&study.samples);
        let uid = study.order.study_instance_uid.as_str();
        let kept = self.folder.join("got");
        row(verdict, "pynetdicom → telerad, TLS: C-GET", {
            let words = ["get", &kept.to_string_lossy(), uid];
            python.scu(&mutual, &self.serving, &words).and_then(|told| {
                expect(&told, "final", json!(0))?;
                same(&study.held(), &pynetdicom::raw(&kept)?)
            })
        });
        row(verdict, "pynetdicom → telerad, TLS: no certificate wanted", {
            python.scu(&ca, &self.open, &["echo"]).and_then(|told| {
                expect(&told, "statuses", json!(vec![0; 10]))?;
                Ok("10 answered".to_owned())
            })
        });
        let strange =
            [ca.clone(), certificates.certificate("stranger"), certificates.key("stranger")];
        for (name, tls) in [
            ("without a certificate", ca),
            ("of a strange authority", strange.join(",")),
            ("without TLS", "-".into()),
        ] {
            let refused = match python.scu(&tls, &self.serving, &["echo"]) {
                Ok(told) => Err(format!("it was let in: {told}")),
                Err(error) => Ok(format!("{error:#}")),
            };
            verdict.row(&format!("pynetdicom → telerad, TLS: {name} is refused"), refused);
        }
        Ok(())
    }
}
