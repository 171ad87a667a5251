//! The certificates of both ends.

use std::path::Path;

use anyhow::Result;
use telerad::net::SystemClock;
use telerad::net::tls::{ClientCertificate, ClientFiles, ClientTls, ServerFiles, ServerTls};
use telerad_trials::certificates::Certificates;
use tempfile::TempDir;

/// An authority, and what it has issued to a gateway and to a modality. Deleted when dropped.
pub struct Credentials {
    folder: TempDir,
}

impl Credentials {
    pub fn issue() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let names = [("gateway", "ca"), ("modality", "ca")];
        Certificates::issue(folder.path(), &["ca"], &names)?;
        Ok(Self { folder })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// For the modality.
    pub fn client(&self) -> Result<ClientTls> {
        let file = |name| self.folder.path().join(name);
        let own = Some((file("modality.pem"), file("modality.key")));
        let files = ClientFiles { ca: file("ca.pem"), crls: Vec::new(), own, server_name: None };
        Ok(ClientTls::load(files, SystemClock::shared())?)
    }
}

/// For a server that wants a certificate, from the folder of [`Credentials`].
pub fn server(folder: &Path) -> Result<ServerTls> {
    let file = |name| folder.join(name);
    let files = ServerFiles {
        certificate: file("gateway.pem"),
        key: file("gateway.key"),
        ca: Some(file("ca.pem")),
        crls: Vec::new(),
        client_certificate: ClientCertificate::Required,
    };
    Ok(ServerTls::load(files, SystemClock::shared())?)
}
