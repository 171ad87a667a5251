//! Certificates made for a test.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use telerad_net::SystemClock;
use telerad_net::tls::{ClientCertificate, ClientFiles, ClientTls, ServerFiles, ServerTls};
use tempfile::TempDir;

/// An authority with a folder for what it issues.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Issues `name.pem` and `name.key` for `name.example` and 192.0.2.1.
    pub fn issue(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (PathBuf, PathBuf) {
        let names = vec![format!("{name}.example"), "192.0.2.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "North");
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&files.0, certificate.pem()).unwrap();
        std::fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }

    /// The files of a server called `server.example`.
    pub fn server_files(&self, client_certificate: ClientCertificate) -> ServerFiles {
        let (certificate, key) = self.issue("server", |_| {});
        ServerFiles { certificate, key, ca: Some(self.path("ca.pem")), client_certificate }
    }

    pub fn server(&self, client_certificate: ClientCertificate) -> ServerTls {
        ServerTls::load(self.server_files(client_certificate), SystemClock::shared()).unwrap()
    }

    /// A client that trusts this authority and shows a certificate of it, if it has a name.
    pub fn client(&self, name: Option<&str>) -> ClientTls {
        let own = name.map(|name| self.issue(name, |_| {}));
        self.client_with(own)
    }

    pub fn client_with(&self, own: Option<(PathBuf, PathBuf)>) -> ClientTls {
        let files = ClientFiles { ca: self.path("ca.pem"), own, server_name: None };
        ClientTls::load(files, SystemClock::shared()).unwrap()
    }
}

pub fn expired(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(1999, 1, 1);
    params.not_after = rcgen::date_time_ymd(2000, 1, 1);
}

pub fn not_yet(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(3000, 1, 1);
    params.not_after = rcgen::date_time_ymd(3001, 1, 1);
}

pub fn for_servers_only(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
}

pub fn for_clients_only(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}
