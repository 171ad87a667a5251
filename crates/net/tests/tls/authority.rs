//! Certificates made for a test.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
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
        let ca = Some(self.path("ca.pem"));
        ServerFiles { certificate, key, ca, crls: Vec::new(), client_certificate }
    }

    pub fn server(&self, client_certificate: ClientCertificate) -> ServerTls {
        ServerTls::load(self.server_files(client_certificate), SystemClock::shared()).unwrap()
    }

    /// A client that trusts this authority and shows a certificate of it, if it has a name.
    pub fn client(&self, name: Option<&str>) -> ClientTls {
        let own = name.map(|name| self.issue(name, |_| {}));
        self.client_with(own)
    }

    pub fn client_files(&self, own: Option<(PathBuf, PathBuf)>) -> ClientFiles {
        ClientFiles { ca: self.path("ca.pem"), crls: Vec::new(), own, server_name: None }
    }

    /// Revokes the certificates with these serial numbers, by a list until the first day of the year `until`.
    pub fn revoke(&self, serial_numbers: &[u64], until: i32) -> PathBuf {
        let revoked = |number: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: rcgen::date_time_ymd(2001, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2001, 1, 1),
            next_update: rcgen::date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serial_numbers.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).unwrap();
        let file = self.path("ca.crl");
        std::fs::write(&file, list.pem().unwrap()).unwrap();
        file
    }

    pub fn client_with(&self, own: Option<(PathBuf, PathBuf)>) -> ClientTls {
        ClientTls::load(self.client_files(own), SystemClock::shared()).unwrap()
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
